using System.Text.Json;
using Microsoft.ML.Generative.Common;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>Reads the JSON of a safetensors header; what is not in the format is refused by name.</summary>
internal ref struct SafetensorsHeaderParser(ReadOnlySpan<byte> json, string source)
{
    // The limit of libtorch's iterators.
    private const int MaxDimensions = 64;

    public const string MetadataKey = "__metadata__";

    private readonly int _length = json.Length;
    private StrictJson _json = new(json, source, "header");

    public SafetensorsHeader Parse()
    {
        _json.CheckStart();
        try
        {
            return ParseRoot();
        }
        catch (JsonException e)
        {
            throw _json.NotWellFormed(e);
        }
    }

    private SafetensorsHeader ParseRoot()
    {
        var tensors = new List<SafetensorsInfo>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        Dictionary<string, string> metadata = new(StringComparer.Ordinal);

        _json.Expect(JsonTokenType.StartObject, "the header");
        while (_json.NextName("the header") is { } name)
        {
            if (!names.Add(name))
                throw _json.Bad($"the name {Quoted.Text(name)} stands in the header twice");
            if (name == MetadataKey)
                ParseMetadata(metadata);
            else
                tensors.Add(ParseTensor(name));
        }

        _json.ExpectEnd();
        return new SafetensorsHeader(source, tensors, metadata, SafetensorsHeader.PrefixBytes + _length);
    }

    private void ParseMetadata(Dictionary<string, string> metadata)
    {
        _json.Expect(JsonTokenType.StartObject, MetadataKey);
        while (_json.NextName(MetadataKey) is { } key)
        {
            if (!metadata.TryAdd(key, _json.NextText($"the value of {Quoted.Text(key)} in {MetadataKey}")))
                throw _json.Bad($"the key {Quoted.Text(key)} stands in {MetadataKey} twice");
        }
    }

    private SafetensorsInfo ParseTensor(string name)
    {
        string tensor = $"tensor {Quoted.Text(name)}";
        string? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;

        _json.Expect(JsonTokenType.StartObject, tensor);
        while (_json.NextName(tensor) is { } field)
        {
            bool again =
                field switch
                {
                    "dtype" => type is not null,
                    "shape" => shape is not null,
                    "data_offsets" => offsets is not null,
                    _ => false,
                };
            if (again)
                throw _json.Bad($"{tensor} has '{field}' twice");

            switch (field)
            {
                case "dtype":
                    type = _json.NextText($"'dtype' of {tensor}");
                    break;
                case "shape":
                    shape = _json.NextNumbers($"'shape' of {tensor}", MaxDimensions);
                    break;
                case "data_offsets":
                    offsets = _json.NextNumbers($"'data_offsets' of {tensor}", 2);
                    break;
                default:
                    throw _json.Bad($"{tensor} has the unknown member {Quoted.Text(field)}");
            }
        }

        if (type is null || shape is null || offsets is null)
            throw _json.Bad($"{tensor} lacks '{(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}'");
        if (offsets.Count != 2 || offsets[0] > offsets[1])
        {
            throw _json.Bad(
                $"'data_offsets' of {tensor} are [{string.Join(", ", offsets)}]; a begin and an end not before it were expected");
        }

        if (!SafetensorsTypes.TryParse(type, out torch.ScalarType scalar))
            throw _json.Bad($"{tensor} has the type {Quoted.Text(type)}, which is not supported; supported are {SafetensorsTypes.Known}");

        var info = new SafetensorsInfo(name, scalar, [.. shape], offsets[0], offsets[1]);
        if (BytesOf(info) != info.Bytes)
            throw _json.Bad($"{tensor} is {info.Describe()}, which takes {BytesOf(info)} bytes; its 'data_offsets' span {info.Bytes}");
        return info;
    }

    private readonly long BytesOf(SafetensorsInfo info)
    {
        // An empty tensor's other dimensions are checked too: libtorch multiplies them for its strides.
        long bytes = SafetensorsTypes.SizeOf(info.Type);
        foreach (long dimension in info.Shape)
        {
            if (Math.BigMul(bytes, Math.Max(dimension, 1)) > long.MaxValue)
                throw _json.Bad($"the shape of tensor {Quoted.Text(info.Name)}, {info.Describe()}, is larger than any file");
            bytes *= Math.Max(dimension, 1);
        }

        return info.Shape.Contains(0) ? 0 : bytes;
    }
}
