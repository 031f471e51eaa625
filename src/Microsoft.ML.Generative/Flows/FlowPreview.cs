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
    private readonly FlowDefinition _definition;
    private readonly ImageShape _shape;
    private readonly torch.Device _device;

    private FlowPreview(FlowNetwork network, FlowDefinition definition, ImageShape shape, torch.Device device)
    {
        _network = network;
        _definition = definition;
        _shape = shape;
        _device = device;
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static FlowPreview? Open(TrainingRun run, FlowNetwork network, FlowDefinition definition) =>
        run.Options.WritesPreviews && definition.Architecture.Row.Image is { } shape
            ? new FlowPreview(network, definition, shape, run.Device)
            : null;

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        torch.Tensor z = torch.randn([Samples, _shape.Size], generator: generator).to(_device);
        torch.Tensor? classes = _definition.Conditions.Label?.InTurn(Samples, _device);
        torch.Tensor samples = _network.Decode(z, classes)
            .view(Samples, _shape.Channels, _shape.Height, _shape.Width); // [batch, channels, height, width]
        return [new ImagePreview("samples", samples, SamplesInRow)];
    }

    public void Dispose()
    {
    }
}
