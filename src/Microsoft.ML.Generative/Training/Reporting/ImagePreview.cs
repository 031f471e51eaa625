using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Images in a grid.</summary>
/// <param name="name">What they show, such as "samples".</param>
/// <param name="images">[n, channels, height, width], 0..1, on any device.</param>
/// <param name="columns">Images per row.</param>
internal sealed class ImagePreview(string name, torch.Tensor images, int columns) : PreviewItem(name)
{
    private ImageSheet? _sheet;

    public override string Extension => ".png";

    private ImageSheet Sheet => _sheet ??= ImageSheet.Of(images.cpu(), columns);

    /// <summary>Images in one row, and the model's versions of them in the next.</summary>
    public static ImagePreview Comparison(string name, torch.Tensor originals, torch.Tensor versions) =>
        new(name, torch.cat([originals, versions.view(originals.shape)], 0), (int)originals.size(0));

    public override byte[] ToFile() => Sheet.Png;

    public override void AddTo(EventSummary summary) => summary.Add($"images/{Name}", Sheet);
}
