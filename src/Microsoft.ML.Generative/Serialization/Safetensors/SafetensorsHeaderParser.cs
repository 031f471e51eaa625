using System.Text.Json;
using System.Text.Unicode;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Walks the JSON of a safetensors header token by token; what is not in the format is refused by name.</summary>
internal ref struct SafetensorsHeaderParser(ReadOnlySpan<byte> json, string source)
{
    // The limit of libtorch's iterators.
    private const int MaxDimensions = 64;

    public const string MetadataKey = "__metadata__";

    private readonly ReadOnlySpan<byte> _json = json;
    private Utf8JsonReader _reader = new(json, new JsonReaderOptions { MaxDepth = 8 });

    public SafetensorsHeader Parse()
    {
        if (!Utf8.IsValid(_json))
            throw Bad("its header is not UTF-8");
        if (_json[0] != '{')
            throw Bad($"its header begins with byte 0x{_json[0]:X2} where '{{' was expected");

        try
        {
            return ParseRoot();
        }
        catch (JsonException e)
        {
            throw Bad($"its header is not well-formed JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})", e);
        }
    }

    private SafetensorsHeader ParseRoot()
    {
        var tensors = new List<SafetensorsInfo>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        Dictionary<string, string> metadata = new(StringComparer.Ordinal);

        Expect(JsonTokenType.StartObject, "the header");
        while (NextName("the header") is { } name)
        {
            if (!names.Add(name))
                throw Bad($"the name {Quote(name)} stands in the header twice");
            if (name == MetadataKey)
                ParseMetadata(metadata);
            else
                tensors.Add(ParseTensor(name));
        }

        if (_reader.Read())
            throw Bad("its header goes on after the closing brace");
        return new SafetensorsHeader(source, tensors, metadata, SafetensorsHeader.PrefixBytes + _json.Length);
    }

    private void ParseMetadata(Dictionary<string, string> metadata)
    {
        Expect(JsonTokenType.StartObject, MetadataKey);
        while (NextName(MetadataKey) is { } key)
        {
            Expect(JsonTokenType.String, $"the value of {Quote(key)} in {MetadataKey}");
            if (!metadata.TryAdd(key, Text()))
                throw Bad($"the key {Quote(key)} stands in {MetadataKey} twice");
        }
    }

    private SafetensorsInfo ParseTensor(string name)
    {
        string tensor = $"tensor {Quote(name)}";
        string? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;

        Expect(JsonTokenType.StartObject, tensor);
        while (NextName(tensor) is { } field)
        {
            bool again = field switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false };
            if (again)
                throw Bad($"{tensor} has '{field}' twice");

            switch (field)
            {
                case "dtype":
                    Expect(JsonTokenType.String, $"'dtype' of {tensor}");
                    type = Text();
                    break;
                case "shape":
                    shape = ParseNumbers($"'shape' of {tensor}", MaxDimensions);
                    break;
                case "data_offsets":
                    offsets = ParseNumbers($"'data_offsets' of {tensor}", 2);
                    break;
                default:
                    throw Bad($"{tensor} has the unknown member {Quote(field)}");
            }
        }

        if (type is null || shape is null || offsets is null)
            throw Bad($"{tensor} lacks '{(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}'");
        if (offsets.Count != 2 || offsets[0] > offsets[1])
            throw Bad($"'data_offsets' of {tensor} are [{string.Join(", ", offsets)}]; a begin and an end not before it were expected");
        if (!SafetensorsTypes.TryParse(type, out torch.ScalarType scalar))
            throw Bad($"{tensor} has the type {Quote(type)}, which is not supported; supported are {SafetensorsTypes.Known}");

        var info = new SafetensorsInfo(name, scalar, [.. shape], offsets[0], offsets[1]);
        if (BytesOf(info) != info.Bytes)
            throw Bad($"{tensor} is {info.Describe()}, which takes {BytesOf(info)} bytes; its 'data_offsets' span {info.Bytes}");
        return info;
    }

    private readonly long BytesOf(SafetensorsInfo info)
    {
        // An empty tensor's other dimensions are checked too: libtorch multiplies them for its strides.
        long bytes = SafetensorsTypes.SizeOf(info.Type);
        foreach (long dimension in info.Shape)
        {
            if (Math.BigMul(bytes, Math.Max(dimension, 1)) > long.MaxValue)
                throw Bad($"the shape of tensor {Quote(info.Name)}, {info.Describe()}, is larger than any file");
            bytes *= Math.Max(dimension, 1);
        }

        return info.Shape.Contains(0) ? 0 : bytes;
    }

    private List<long> ParseNumbers(string what, int most)
    {
        var numbers = new List<long>();
        Expect(JsonTokenType.StartArray, what);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out long number) || number < 0)
                throw Bad($"{what}: whole numbers from 0 on were expected, found {Found()}");
            if (numbers.Count == most)
                throw Bad($"{what} has more than {most} numbers");
            numbers.Add(number);
        }

        return numbers;
    }

    private string? NextName(string where)
    {
        if (!_reader.Read())
            throw Bad($"{where} is cut off");
        return _reader.TokenType == JsonTokenType.EndObject ? null : Text();
    }

    private void Expect(JsonTokenType type, string what)
    {
        if (!_reader.Read() || _reader.TokenType != type)
            throw Bad($"{what}: {Expected(type)} was expected, found {Found()}");
    }

    private readonly string Text()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 alone is JSON, but no text.
            throw Bad($"its header holds a string that is not valid Unicode: {Found()}", e);
        }
    }

    private static string Expected(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => "a string",
    };

    private readonly string Found() => _reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => Quote(System.Text.Encoding.UTF8.GetString(_reader.ValueSpan)),
    };

    private static string Quote(string name) => SafetensorsHeader.Quote(name);

    private readonly InvalidDataException Bad(string problem, Exception? inner = null) => SafetensorsHeader.Bad(source, problem, inner);
}
