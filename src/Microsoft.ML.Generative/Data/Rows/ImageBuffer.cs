using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computed images of one output column. Whoever asks for an image owns it.</summary>
internal sealed class ImageBuffer(string column, Func<RowBatch, torch.Tensor> compute, ImageShape shape, int slots) : OutputBuffer
{
    private readonly byte[] _planes = new byte[checked(slots * shape.Size)];

    public override void Compute(RowBatch batch)
    {
        torch.Tensor images = compute(batch);
        if (!images.isfinite().all().ToBoolean())
            FiniteValues.Check(TensorMemory.ToArray<float>(images), index => $"Row {batch.Positions[index / shape.Size]} of column {Quoted.Text(column)}");
        torch.Tensor bytes = images.Times(255).round().Within(0, 255).to(torch.uint8).cpu().contiguous();
        bytes.bytes.CopyTo(_planes);
    }

    public override Delegate MakeGetter(Func<int> slot) => (ValueGetter<MLImage?>)((ref MLImage? value) =>
    {
        value?.Dispose();
        value = MLImage.CreateFromPixels(shape.Width, shape.Height, MLPixelFormat.Rgba32, Pixels(_planes.AsSpan(slot() * shape.Size, shape.Size)));
    });

    // From planes to pixels of red, green, blue and opacity.
    private byte[] Pixels(ReadOnlySpan<byte> planes)
    {
        int size = shape.Height * shape.Width;
        byte[] pixels = new byte[4 * size];
        for (int channel = 0; channel < 4; channel++)
        {
            bool isOpaque = channel == 3 && shape.Channels < 4;
            ReadOnlySpan<byte> plane = isOpaque ? default : planes.Slice(shape.Channels == 1 ? 0 : channel * size, size);
            for (int i = 0; i < size; i++)
                pixels[4 * i + channel] = isOpaque ? byte.MaxValue : plane[i];
        }

        return pixels;
    }
}
