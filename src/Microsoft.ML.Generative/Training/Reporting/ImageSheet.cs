using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Images;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Images side by side in one PNG.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Channels">1 for gray, 3 for red, green and blue, 4 with alpha.</param>
/// <param name="Png">The file's bytes.</param>
internal sealed record ImageSheet(int Width, int Height, int Channels, byte[] Png)
{
    /// <summary>Lays images out row by row.</summary>
    /// <param name="images">
    /// [n, channels, height, width] of 1 to 4 channels, 0..1; other values are clamped. Two channels are shown as red and green.
    /// </param>
    /// <param name="columns">Images in a row.</param>
    public static ImageSheet Of(torch.Tensor images, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        var shape = new ImageShape((int)images.size(1), (int)images.size(2), (int)images.size(3));
        byte[] bytes = TensorMemory.ToArray<byte>(images.to(torch.float32).nan_to_num().Within(0, 1).Times(255).round().to(torch.uint8));
        MLImage[] all = [.. bytes.Chunk(shape.Size).Select(planes => ImagePixels.ToImage(planes, shape))];
        try
        {
            (int width, int height, byte[] png) = ImageGrid.ToPng(all, columns);
            return new ImageSheet(width, height, shape.Channels == 2 ? 3 : shape.Channels, png);
        }
        finally
        {
            foreach (MLImage image in all)
                image.Dispose();
        }
    }
}
