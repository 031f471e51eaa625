using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>A tensor of a GGUF file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its dimensions, the one whose elements are neighbors last: the file has them the other way round.</param>
/// <param name="Format">How its elements are stored.</param>
/// <param name="Start">Where its bytes begin in the file.</param>
internal sealed record GgufTensor(string Name, long[] Shape, BlockFormat Format, long Start)
{
    /// <summary>Elements that are stored together.</summary>
    public long RowLength => Shape[^1];

    public long RowBytes => Format.BytesOf(RowLength);

    public string Describe() => $"{Format.Name} [{string.Join(", ", Shape)}]";
}
