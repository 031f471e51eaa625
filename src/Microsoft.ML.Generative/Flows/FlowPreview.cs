using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Flows;

/// <summary>Shows images generated from always the same noise.</summary>
internal sealed class FlowPreview : ITrainingPreview
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly FlowNetwork _network;
    private readonly FlowArchitecture _architecture;
    private readonly ImageShape _shape;
    private readonly torch.Device _device;

    private FlowPreview(FlowNetwork network, FlowArchitecture architecture, ImageShape shape, torch.Device device)
    {
        _network = network;
        _architecture = architecture;
        _shape = shape;
        _device = device;
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static FlowPreview? Open(TrainingRun run, FlowNetwork network, FlowArchitecture architecture) =>
        run.Options.WritesPreviews && architecture.Row.Image is { } shape ? new FlowPreview(network, architecture, shape, run.Device) : null;

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        torch.Tensor z = torch.randn([Samples, _architecture.Row.Size], generator: generator).to(_device);
        torch.Tensor? classes = _architecture.LabelCount == 0 ? null : torch.arange(Samples, torch.int64, _device).remainder(_architecture.LabelCount);
        torch.Tensor samples = _network.Decode(z, classes).view(Samples, _shape.Channels, _shape.Height, _shape.Width);
        return [new ImagePreview("samples", samples, SamplesInRow)];
    }

    public void Dispose()
    {
    }
}
