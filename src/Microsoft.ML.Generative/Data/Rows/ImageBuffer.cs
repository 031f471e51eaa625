using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Images;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computed images of one output column. Whoever asks for an image owns it.</summary>
/// <param name="compute">Computes the bytes of each image, plane by plane.</param>
/// <param name="shape">The images.</param>
/// <param name="slots">How many there are at once at most.</param>
internal sealed class ImageBuffer(Func<RowBatch, byte[][]> compute, ImageShape shape, int slots) : OutputBuffer
{
    private readonly byte[][] _planes = new byte[slots][];

    public override void Compute(RowBatch batch) => compute(batch).CopyTo(_planes, 0);

    public override Delegate MakeGetter(Func<int> slot) => (ValueGetter<MLImage?>)((ref MLImage? value) =>
    {
        value?.Dispose();
        value = ImagePixels.ToImage(_planes[slot()], shape);
    });
}
