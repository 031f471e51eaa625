using System.Text.Json;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Values of JSON as Python's <c>json.loads</c> gives them.</summary>
internal static class JinjaJsonReader
{
    /// <param name="json">The value.</param>
    /// <param name="source">The source of its texts.</param>
    public static object? Read(JsonElement json, int source)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                var dictionary = new JinjaDictionary();
                foreach (JsonProperty member in json.EnumerateObject())
                    dictionary.Set(JinjaText.Of(member.Name, source), Read(member.Value, source));
                return dictionary;
            case JsonValueKind.Array:
                return new JinjaList([.. json.EnumerateArray().Select(item => Read(item, source))]);
            case JsonValueKind.String:
                return JinjaText.Of(json.GetString()!, source);
            case JsonValueKind.Number:
                return json.TryGetInt64(out long whole) ? (object)whole : json.GetDouble();
            case JsonValueKind.True or JsonValueKind.False:
                return json.GetBoolean();
            default:
                return null;
        }
    }
}
