using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>Shows images that the model generates from always the same noise, the classes in turn.</summary>
internal sealed class DiffusionPreview : ITrainingPreview
{
    private const int Samples = 32;
    private const int SamplesInRow = 8;
    private const int Steps = 25;

    private readonly TrainingRun _run;
    private readonly DiffusionDefinition _definition;
    private readonly DenoiserNetwork _network;
    private readonly torch.Tensor? _lowResolution;

    private DiffusionPreview(TrainingRun run, DiffusionDefinition definition, DenoiserNetwork network, torch.Tensor? lowResolution)
    {
        (_run, _definition, _network, _lowResolution) = (run, definition, network, lowResolution);
    }

    /// <summary>The images, or <see langword="null"/> if none are wanted.</summary>
    public static DiffusionPreview? Open(TrainingRun run, DiffusionDefinition definition, DenoiserNetwork network, TensorSource data)
    {
        if (!run.Options.WritesPreviews)
            return null;
        torch.Tensor? low = null;
        if (definition.Architecture.LowResolution is not null)
        {
            torch.Tensor[] rows = PreviewRows.First(data, run.Device);
            foreach (torch.Tensor column in rows[..^1])
                column.Dispose();
            low = rows[^1];
        }

        return new DiffusionPreview(run, definition, network, low);
    }

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        int count = _lowResolution is null ? Samples : (int)_lowResolution.size(0);
        ConditionSet conditions = _definition.Conditions;
        var values = new ConditionValues(conditions.Label?.InTurn(count, _run.Device), conditions.Image?.Encode(_lowResolution!));
        using NoiseScheduler scheduler = DiffusionSamplers.Create(_definition, DiffusionSampler.Default, eta: 0);
        scheduler.SetTimesteps(Math.Min(Steps, scheduler.TrainTimesteps));
        var denoiser = new GuidedDenoiser(_network, conditions, values, scale: 1, rescale: 0);
        var noise = new KeyedNoise(SeedSequence.DeriveMany(_run.Seed, 0, count), _definition.Architecture.Shape.Dimensions, _run.Device);
        var loop = new DenoisingLoop(scheduler, denoiser, noise) { Check = _run.StopIfCancelled };
        return [new ImagePreview("samples", PixelScale.Unsigned(loop.Generate()), SamplesInRow)];
    }

    public void Dispose() => _lowResolution?.Dispose();
}
