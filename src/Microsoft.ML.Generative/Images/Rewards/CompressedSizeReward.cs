using Microsoft.ML.Generative.Data.Images;
using Microsoft.ML.Runtime;
using SkiaSharp;

namespace Microsoft.ML.Generative.Images.Rewards;

/// <summary>The size of an image as a JPEG file in thousands of bytes (Black et al. 2023, section 5.1).</summary>
internal sealed class CompressedSizeReward(int quality) : ImageReward
{
    private protected override double[] Compute(IHost host, RewardedImages images)
    {
        double[] scores = new double[images.Count];
        byte[] planes = new byte[images.Shape.Size];
        var info = new SKImageInfo(images.Shape.Width, images.Shape.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (int i = 0; i < scores.Length; i++)
        {
            ReadOnlySpan<float> values = images.Values.AsSpan(i * planes.Length, planes.Length);
            for (int pixel = 0; pixel < planes.Length; pixel++)
                planes[pixel] = ImagePixels.ToByte(values[pixel]);
            using SKImage image = SKImage.FromPixelCopy(info, ImagePixels.Of(planes, images.Shape));
            using SKData file = image.Encode(SKEncodedImageFormat.Jpeg, quality);
            scores[i] = file.Size / 1000.0;
        }

        return scores;
    }
}
