using System.Collections.Frozen;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>The element types of safetensors that libtorch has under TorchSharp, by their names in the file.</summary>
internal static class SafetensorsTypes
{
    private static readonly FrozenDictionary<string, torch.ScalarType> _byName = new Dictionary<string, torch.ScalarType>
    {
        ["F64"] = torch.ScalarType.Float64,
        ["F32"] = torch.ScalarType.Float32,
        ["F16"] = torch.ScalarType.Float16,
        ["BF16"] = torch.ScalarType.BFloat16,
        ["I64"] = torch.ScalarType.Int64,
        ["I32"] = torch.ScalarType.Int32,
        ["I16"] = torch.ScalarType.Int16,
        ["I8"] = torch.ScalarType.Int8,
        ["U8"] = torch.ScalarType.Byte,
        ["BOOL"] = torch.ScalarType.Bool,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<torch.ScalarType, string> _byType = _byName.ToFrozenDictionary(p => p.Value, p => p.Key);

    public static string Known { get; } = string.Join(", ", _byName.Keys.Order(StringComparer.Ordinal));

    public static bool TryParse(string name, out torch.ScalarType type) => _byName.TryGetValue(name, out type);

    /// <summary>The name in the file, or null for a type that the format lacks.</summary>
    public static string? NameOf(torch.ScalarType type) => _byType.GetValueOrDefault(type);

    /// <summary>The bytes of one element.</summary>
    public static int SizeOf(torch.ScalarType type) => type switch
    {
        torch.ScalarType.Float64 or torch.ScalarType.Int64 => 8,
        torch.ScalarType.Float32 or torch.ScalarType.Int32 => 4,
        torch.ScalarType.Float16 or torch.ScalarType.BFloat16 or torch.ScalarType.Int16 => 2,
        torch.ScalarType.Int8 or torch.ScalarType.Byte or torch.ScalarType.Bool => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of safetensors."),
    };

    /// <summary>As error messages show it: <c>F32 [3, 4]</c>.</summary>
    public static string Describe(torch.ScalarType type, ReadOnlySpan<long> shape) =>
        $"{NameOf(type) ?? type.ToString()} [{string.Join(", ", shape.ToArray())}]";

    /// <summary>Whether a network of Float32 can be read from such numbers.</summary>
    public static bool IsFloat(this torch.ScalarType type) =>
        type is torch.ScalarType.Float32 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16 or torch.ScalarType.Float64;
}
