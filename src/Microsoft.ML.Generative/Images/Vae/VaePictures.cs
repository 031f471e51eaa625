using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>What TensorBoard shows of a variational autoencoder: draws from the prior, always of the same noise, and reconstructions of some rows.</summary>
internal sealed class VaePictures : IDisposable
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly VaeNetwork _network;
    private readonly ImageShape _shape;
    private readonly int _latentSize;
    private readonly int _labelCount;
    private readonly torch.Device _device;
    private readonly torch.Tensor[] _rows;

    private VaePictures(VaeNetwork network, ImageShape shape, int latentSize, int labelCount, torch.Device device, torch.Tensor[] rows)
    {
        _network = network;
        _shape = shape;
        _latentSize = latentSize;
        _labelCount = labelCount;
        _device = device;
        _rows = rows;
    }

    /// <summary>The pictures, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static VaePictures? Open(TrainingRun run, VaeNetwork network, VaeOptions options, ImageShape? shape, int labelCount, TensorSource data) =>
        options.TensorBoardDirectory is not null && shape is { } s
            ? new VaePictures(network, s, options.LatentSize, labelCount, run.Device, TrainingPictures.FirstRows(data, run.Device))
            : null;

    public IReadOnlyList<TrainingPictures> Make(torch.Generator generator)
    {
        torch.Tensor z = torch.randn([Samples, _latentSize], generator: generator).to(_device);
        torch.Tensor? classes = _labelCount == 0 ? null : torch.arange(Samples, torch.int64, _device).remainder(_labelCount);
        torch.Tensor samples = _network.DecodeMean(z, classes);

        torch.Tensor x = AsPictures(_rows[0]);
        torch.Tensor? labels = _labelCount == 0 ? null : _rows[1];
        torch.Tensor reconstructions = _network.DecodeMean(_network.Encode(_rows[0], labels).Mean, labels);
        return [new TrainingPictures("samples", AsPictures(samples), SamplesInRow), TrainingPictures.Comparison("reconstructions", x, reconstructions)];
    }

    public void Dispose()
    {
        foreach (torch.Tensor column in _rows)
            column.Dispose();
    }

    private torch.Tensor AsPictures(torch.Tensor rows) => rows.view(rows.size(0), _shape.Channels, _shape.Height, _shape.Width);
}
