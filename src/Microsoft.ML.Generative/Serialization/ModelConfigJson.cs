using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>How model configurations are written as JSON and read back: strict in what is there, defaults for what is not.</summary>
internal static class ModelConfigJson
{
    /// <summary>No configuration comes near this; what does is no configuration.</summary>
    public const int MaxBytes = 1 << 20;

    private const int MaxDepth = 32;

    /// <summary>
    /// Camel-case names, enums by name. Unknown and repeated members, comments, trailing commas and nulls where the type has none are
    /// refused.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create();

    /// <summary>Reads UTF-8 JSON of at most <see cref="MaxBytes"/> from a stream to its end.</summary>
    /// <exception cref="InvalidDataException">It is longer, or not UTF-8.</exception>
    public static byte[] ReadBytes(Stream stream, string source)
    {
        byte[] json = BoundedRead.All(stream, source, MaxBytes);
        return Utf8.IsValid(json) ? json : throw new InvalidDataException($"'{source}' is not UTF-8.");
    }

    /// <exception cref="InvalidDataException">It is not one well-formed JSON value, is too deep, or repeats a member.</exception>
    public static JsonDocument ParseDocument(byte[] json, string source) =>
        Guard(source, () => JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false }));

    /// <exception cref="InvalidDataException">A member is unknown or has a value that its type or its setter refuses.</exception>
    public static T Deserialize<T>(JsonElement element, string source) =>
        Guard(source, () => element.Deserialize<T>(Options))
        ?? throw new InvalidDataException($"'{source}' holds null where an object was expected.");

    private static T Guard<T>(string source, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new InvalidDataException($"'{source}' is not usable: {Quoted.Message(e)}", e);
        }
    }

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            WriteIndented = true,
            NewLine = "\n",
            MaxDepth = MaxDepth,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        };
        options.Converters.Add(new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false));
        options.MakeReadOnly();
        return options;
    }
}
