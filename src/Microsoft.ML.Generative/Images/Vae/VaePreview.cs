using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>Shows samples from the prior, always of the same noise, and reconstructions of some rows.</summary>
internal sealed class VaePreview : ITrainingPreview
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly VaeNetwork _network;
    private readonly ImageShape _shape;
    private readonly int _latentSize;
    private readonly int _labelCount;
    private readonly torch.Device _device;
    private readonly torch.Tensor[] _rows;

    private VaePreview(VaeNetwork network, ImageShape shape, int latentSize, int labelCount, torch.Device device, torch.Tensor[] rows)
    {
        _network = network;
        _shape = shape;
        _latentSize = latentSize;
        _labelCount = labelCount;
        _device = device;
        _rows = rows;
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static VaePreview? Open(TrainingRun run, VaeArchitecture architecture, VaeNetwork network, TensorSource data) =>
        run.Options.WritesPreviews && architecture.Row.Image is { } shape
            ? new VaePreview(
                network, shape, architecture.LatentSize, architecture.LabelCount, run.Device, PreviewRows.First(data, run.Device))
            : null;

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        torch.Tensor z = torch.randn([Samples, _latentSize], generator: generator).to(_device);
        torch.Tensor? classes = _labelCount == 0 ? null : TensorFactory.Range(Samples, device: _device).Remainder(_labelCount);
        torch.Tensor samples = _network.DecodeMean(z, classes);

        torch.Tensor x = AsImages(_rows[0]);
        torch.Tensor? labels = _labelCount == 0 ? null : _rows[1];
        torch.Tensor reconstructions = _network.DecodeMean(_network.Encode(_rows[0], labels).Mean, labels);
        return [new ImagePreview("samples", AsImages(samples), SamplesInRow),
            ImagePreview.Comparison("reconstructions", x, reconstructions)];
    }

    public void Dispose()
    {
        foreach (torch.Tensor column in _rows)
            column.Dispose();
    }

    private torch.Tensor AsImages(torch.Tensor rows) => rows.view(rows.size(0), _shape.Channels, _shape.Height, _shape.Width);
}
