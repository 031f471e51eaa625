using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Gan.Generation;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>What a training shows of a generator: images of always the same z, the classes in turn.</summary>
internal sealed class GanPreview
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly TrainingRun _run;
    private readonly GanConfig _config;
    private readonly GeneratorNetwork _network;

    private GanPreview(TrainingRun run, GanConfig config, GeneratorNetwork network)
    {
        (_run, _config, _network) = (run, config, network);
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static GanPreview? Open(TrainingRun run, GanConfig config, GeneratorNetwork network) =>
        run.Options.WantsImages && config.Shape is not null ? new GanPreview(run, config, network) : null;

    public IReadOnlyList<TrainingImages> Make(torch.Generator generator)
    {
        _config.RenewAverages(_network, _run.Device, generator);
        torch.Tensor z = LatentSamples.Of(SeedSequence.DeriveMany(_run.Seed, 0, Samples), _config.Options.LatentSize, bound: null).to(_run.Device);
        torch.Tensor? labels = _config.LabelCount == 0 ? null : torch.arange(Samples, torch.int64, _run.Device).remainder(_config.LabelCount);
        return [new TrainingImages("samples", PixelScale.Unsigned(_network.Forward(z, labels)), SamplesInRow)];
    }
}
