using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>Shows reconstructions of some rows.</summary>
internal sealed class VqVaePreview : ITrainingPreview
{
    private readonly VqVaeAutoencoder _autoencoder;
    private readonly CodeGrid _grid;
    private readonly torch.Tensor _images;

    private VqVaePreview(VqVaeAutoencoder autoencoder, CodeGrid grid, torch.Tensor images)
    {
        (_autoencoder, _grid, _images) = (autoencoder, grid, images);
    }

    /// <summary>The preview, or <see langword="null"/> if it would be shown nowhere.</summary>
    public static VqVaePreview? Open(TrainingRun run, VqVaeAutoencoder autoencoder, CodeGrid grid, TensorSource data) =>
        run.Options.WritesPreviews ? new VqVaePreview(autoencoder, grid, PreviewRows.First(data, run.Device)[0]) : null;

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        VectorQuantizer quantizer = _autoencoder.Quantizer;
        torch.Tensor quantized = quantizer.Vectors(quantizer.Nearest(_autoencoder.Encode(_images)));
        return [ImagePreview.Comparison("reconstructions", _images, _autoencoder.Decode(quantized, _grid))];
    }

    public void Dispose() => _images.Dispose();
}
