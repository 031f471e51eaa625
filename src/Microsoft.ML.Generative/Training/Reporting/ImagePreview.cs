using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Images in a grid.</summary>
/// <param name="name">What they show, such as "samples".</param>
/// <param name="images">[n, channels, height, width], 0..1, on any device.</param>
/// <param name="columns">Images per row.</param>
internal sealed class ImagePreview(string name, torch.Tensor images, int columns) : PreviewItem(name)
{
    // Smaller images are enlarged to at most this side, or nobody could see what is on them.
    private const int ShownSide = 64;

    private ImageSheet? _sheet;

    public override string Extension => ".png";

    private ImageSheet Sheet => _sheet ??= ImageSheet.Of(Enlarge(images.cpu()), columns);

    /// <summary>Images in one row, and the model's versions of them in the next.</summary>
    public static ImagePreview Comparison(string name, torch.Tensor originals, torch.Tensor versions) =>
        new(name, torch.cat([originals, versions.view(originals.shape)], 0), (int)originals.size(0));

    /// <summary>How many pixels of the sheet show one of the image, in each direction.</summary>
    internal static int Scale(long height, long width) => (int)Math.Max(1, ShownSide / Math.Max(height, width));

    public override byte[] ToFile() => Sheet.Png;

    public override void AddTo(EventSummary summary) => summary.Add($"images/{Name}", Sheet);

    private static torch.Tensor Enlarge(torch.Tensor images)
    {
        int scale = Scale(images.size(2), images.size(3));
        return scale == 1 ? images : images.repeat_interleave(scale, 2).repeat_interleave(scale, 3);
    }
}
