using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>The types of tensors in GGUF files that are supported, by their numbers (<c>ggml_type</c>).</summary>
internal static class GgufTypes
{
    private static readonly Dictionary<uint, BlockFormat> _formats = new()
    {
        [0] = BlockFormat.F32,
        [1] = BlockFormat.F16,
        [2] = BlockFormat.Q4_0,
        [3] = BlockFormat.Q4_1,
        [6] = BlockFormat.Q5_0,
        [7] = BlockFormat.Q5_1,
        [8] = BlockFormat.Q8_0,
        [12] = BlockFormat.Q4_K,
        [13] = BlockFormat.Q5_K,
        [14] = BlockFormat.Q6_K,
        [30] = BlockFormat.BF16,
    };

    public static string Known { get; } = string.Join(", ", _formats.Values.Select(format => format.Name));

    public static BlockFormat? Find(uint type) => _formats.GetValueOrDefault(type);

    public static uint NumberOf(BlockFormat format) => _formats.Single(f => f.Value == format).Key;
}
