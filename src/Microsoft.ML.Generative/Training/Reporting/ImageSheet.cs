using Microsoft.ML.Generative.Runtime;
using SkiaSharp;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Images side by side in one PNG.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Channels">1 for gray, 3 for red, green and blue, 4 with alpha.</param>
/// <param name="Png">The file's bytes.</param>
internal sealed record ImageSheet(int Width, int Height, int Channels, byte[] Png)
{
    private const int Gap = 1;

    /// <summary>Lays images out row by row.</summary>
    /// <param name="images">[n, channels, height, width] of 1 to 4 channels, 0..1; other values are clamped. Two channels are shown as red and green.</param>
    /// <param name="columns">Images in a row.</param>
    public static ImageSheet Of(torch.Tensor images, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        (int count, int channels, int height, int width) = ((int)images.size(0), (int)images.size(1), (int)images.size(2), (int)images.size(3));
        columns = Math.Min(columns, count);
        int rows = (count + columns - 1) / columns;
        if (channels == 2)
            (images, channels) = (torch.cat([images, torch.zeros_like(images.narrow(1, 0, 1))], 1), 3);

        torch.Tensor bytes = images.to(torch.float32).nan_to_num().Within(0, 1).Times(255).round().to(torch.uint8).permute(0, 2, 3, 1);
        torch.Tensor sheet = TensorFactory.Constant([rows * (height + Gap) - Gap, columns * (width + Gap) - Gap, channels], 255, torch.uint8);
        for (int i = 0; i < count; i++)
        {
            using torch.Tensor image = bytes[i];
            using torch.Tensor place = sheet.narrow(0, i / columns * (height + Gap), height).narrow(1, i % columns * (width + Gap), width);
            place.copy_(image);
        }

        return Encode(sheet, channels);
    }

    private static ImageSheet Encode(torch.Tensor sheet, int channels)
    {
        (int height, int width) = ((int)sheet.size(0), (int)sheet.size(1));
        if (channels == 3)
            sheet = torch.cat([sheet, TensorFactory.Constant([height, width, 1], 255, torch.uint8)], 2);

        var info = new SKImageInfo(width, height, channels == 1 ? SKColorType.Gray8 : SKColorType.Rgba8888, channels == 4 ? SKAlphaType.Unpremul : SKAlphaType.Opaque);
        using SKImage image = SKImage.FromPixelCopy(info, TensorMemory.ToArray<byte>(sheet));
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        return new ImageSheet(width, height, channels, png.ToArray());
    }
}
