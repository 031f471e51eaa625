using System.Text.Json;
using Microsoft.ML.Generative.Text.Chat.Jinja;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Templates' variables from JSON.</summary>
internal static class JinjaJsonValues
{
    public static string Render(string template, string variables = "{}") => Run(template, variables).Text.Value;

    public static JinjaRendering Run(string template, string variables = "{}")
    {
        using JsonDocument document = JsonDocument.Parse(variables);
        return JinjaTemplate.Parse(template).Render(
            document.RootElement.EnumerateObject().Select(m => KeyValuePair.Create(m.Name, Of(m.Value))), variables.Length,
            new DateTimeOffset(2024, 7, 26, 13, 5, 9, TimeSpan.Zero));
    }

    public static object? Of(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var dictionary = new JinjaDictionary();
                foreach (JsonProperty member in element.EnumerateObject())
                    dictionary.Set(JinjaText.Of(member.Name, 1), Of(member.Value));
                return dictionary;
            case JsonValueKind.Array:
                return new JinjaList([.. element.EnumerateArray().Select(Of)]);
            case JsonValueKind.String:
                return JinjaText.Of(element.GetString()!, 1);
            case JsonValueKind.Number:
                return element.TryGetInt64(out long whole) ? (object)whole : element.GetDouble();
            case JsonValueKind.True or JsonValueKind.False:
                return element.ValueKind == JsonValueKind.True;
            default:
                return null;
        }
    }
}
