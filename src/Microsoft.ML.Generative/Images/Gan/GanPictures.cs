using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>What a training shows of a generator: pictures of always the same z, the classes in turn.</summary>
internal sealed class GanPictures
{
    private const int Samples = 64;
    private const int SamplesInRow = 8;

    private readonly TrainingRun _run;
    private readonly GanConfig _config;
    private readonly GeneratorNetwork _network;

    private GanPictures(TrainingRun run, GanConfig config, GeneratorNetwork network)
    {
        (_run, _config, _network) = (run, config, network);
    }

    /// <summary>The pictures, or <see langword="null"/> if none are wanted or rows are none.</summary>
    public static GanPictures? Open(TrainingRun run, GanConfig config, GeneratorNetwork network) =>
        run.Options.WantsPictures && config.Shape is not null ? new GanPictures(run, config, network) : null;

    public IReadOnlyList<TrainingPictures> Make(torch.Generator generator)
    {
        _config.RenewAverages(_network, _run.Device, generator);
        torch.Tensor z = LatentDraws.Of(SeedSequence.DeriveMany(_run.Seed, 0, Samples), _config.Options.LatentSize, bound: null).to(_run.Device);
        torch.Tensor? labels = _config.LabelCount == 0 ? null : torch.arange(Samples, torch.int64, _run.Device).remainder(_config.LabelCount);
        return [new TrainingPictures("samples", PixelScale.Unsigned(_network.Forward(z, labels)), SamplesInRow)];
    }
}
