using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>Shows images that the generator makes of always the same z, the classes in turn.</summary>
internal sealed class GanPreview : ITrainingPreview
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly TrainingRun _run;
    private readonly GanArchitecture _architecture;
    private readonly int _batchSize;
    private readonly GeneratorNetwork _network;

    private GanPreview(TrainingRun run, GanArchitecture architecture, int batchSize, GeneratorNetwork network)
    {
        (_run, _architecture, _batchSize, _network) = (run, architecture, batchSize, network);
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static GanPreview? Open(TrainingRun run, GanArchitecture architecture, GeneratorNetwork network) =>
        run.Options.WritesPreviews
        && architecture.Row.Image is not null ? new GanPreview(run, architecture, run.Options.BatchSize, network) : null;

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        GeneratorAverages.Renew(_network, _architecture, _batchSize, _run.Device, generator);
        torch.Tensor z = new KeyedNoise(SeedSequence.DeriveMany(_run.Seed, 0, Samples), [_architecture.LatentSize], _run.Device).Next();
        torch.Tensor? labels = _architecture.LabelCount == 0
            ? null
            : TensorFactory.Range(Samples, device: _run.Device).Remainder(_architecture.LabelCount);
        return [new ImagePreview("samples", PixelScale.Unsigned(_network.Forward(z, labels)), SamplesInRow)];
    }

    public void Dispose()
    {
    }
}
