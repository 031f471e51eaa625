using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>What a training shows of a diffusion model: images drawn from always the same noise, the classes in turn.</summary>
internal sealed class DiffusionPreview : IDisposable
{
    private const int Samples = 32;
    private const int SamplesInRow = 8;
    private const int Steps = 25;

    private readonly TrainingRun _run;
    private readonly DiffusionConfig _config;
    private readonly DenoiserNetwork _network;
    private readonly torch.Tensor? _lowResolution;

    private DiffusionPreview(TrainingRun run, DiffusionConfig config, DenoiserNetwork network, torch.Tensor? lowResolution)
    {
        (_run, _config, _network, _lowResolution) = (run, config, network, lowResolution);
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted.</summary>
    public static DiffusionPreview? Open(TrainingRun run, DiffusionConfig config, DenoiserNetwork network, TensorSource data)
    {
        if (!run.Options.WantsImages)
            return null;
        torch.Tensor? low = null;
        if (config.LowResolution is not null)
        {
            torch.Tensor[] rows = TrainingImages.FirstRows(data, run.Device);
            foreach (torch.Tensor column in rows[..^1])
                column.Dispose();
            low = rows[^1];
        }

        return new DiffusionPreview(run, config, network, low);
    }

    public IReadOnlyList<TrainingImages> Make(torch.Generator generator)
    {
        int count = _lowResolution is null ? Samples : (int)_lowResolution.size(0);
        torch.Tensor? labels = _config.LabelCount == 0 ? null : torch.arange(count, torch.int64, _run.Device).remainder(_config.LabelCount);
        torch.Tensor? low = _lowResolution is null ? null : DiffusionInputs.Enlarge(_lowResolution, _config.Shape);
        using NoiseScheduler scheduler = DiffusionSamplers.Create(_config, DiffusionSampler.Default, eta: 0);
        scheduler.SetTimesteps(Math.Min(Steps, scheduler.TrainTimesteps));
        var denoiser = new GuidedDenoiser(_network, new DiffusionInputs(torch.empty(0), labels, low), null, 1, 0);
        var noise = new ImageNoise(SeedSequence.DeriveMany(_run.Seed, 0, count), _config.Shape, _run.Device);
        var loop = new DenoisingLoop(scheduler, denoiser, noise) { Check = _run.StopIfCancelled };
        return [new TrainingImages("samples", PixelScale.Unsigned(loop.Generate()), SamplesInRow)];
    }

    public void Dispose() => _lowResolution?.Dispose();
}
