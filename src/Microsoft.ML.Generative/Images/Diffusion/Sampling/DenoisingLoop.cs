using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Sampling;

/// <summary>
/// The reverse process: from noise step by step to images (Ho et al. 2020, algorithm 2; each sampler has its own step), and what else the
/// same steps do. Images are [images, channels, height, width] in −1..1.
/// </summary>
/// <param name="scheduler">The sampler, with its timesteps set; for this loop alone.</param>
/// <param name="denoiser">The network.</param>
/// <param name="noise">The noise of each image.</param>
internal sealed class DenoisingLoop(NoiseScheduler scheduler, GuidedDenoiser denoiser, KeyedNoise noise)
{
    /// <summary>Called before each step; ends the loop by an exception.</summary>
    public Action? Check { get; init; }

    /// <summary>Called after each step with its index from 0, the number of steps, and the images as the step predicts them.</summary>
    public Action<int, int, Tensor>? Report { get; init; }

    /// <summary>Generates images from noise.</summary>
    public Tensor Generate() => Denoise(InitialNoise());

    /// <summary>Takes all steps from a sample at one of the sampler's timesteps.</summary>
    /// <param name="sample">The sample; the loop disposes of it.</param>
    /// <param name="start">The index of its timestep, with which a step begins.</param>
    public Tensor Denoise(Tensor sample, int start = 0)
    {
        IReadOnlyList<double> timesteps = scheduler.Timesteps;
        scheduler.SetBeginIndex(start);
        for (int i = start; i < timesteps.Count; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            SchedulerStep step = Step(sample, timesteps[i]);
            Report?.Invoke(i - start, timesteps.Count - start, step.PredictedOriginal);
            using Tensor before = sample;
            sample = step.Previous.MoveToOuterDisposeScope();
        }

        return sample;
    }

    /// <summary>Generates variations of images: noise is added to them, and removed (SDEdit; Meng et al. 2021).</summary>
    /// <param name="images">The images.</param>
    /// <param name="strength">The part of the steps to take, 0 to 1.</param>
    public Tensor ImageToImage(Tensor images, double strength)
    {
        IReadOnlyList<int> starts = scheduler.StepStarts;
        int steps = (int)Math.Round(starts.Count * strength);
        if (steps == 0)
            return images;
        int start = starts[^steps];
        scheduler.SetBeginIndex(start);
        return Denoise(AddNoise(images, scheduler.Timesteps[start]), start);
    }

    /// <summary>
    /// Generates a part of images; the rest is the images' own, as noisy as each step is (RePaint; Lugmayr et al. 2022, algorithm 1).
    /// </summary>
    /// <param name="images">The images.</param>
    /// <param name="mask">1 where to generate, 0 where to keep, of the images' shape.</param>
    /// <param name="resamplings">How often each step is taken, so that the generated part fits the kept one.</param>
    /// <exception cref="ArgumentException">The sampler's steps cannot be interrupted, or not be repeated.</exception>
    public Tensor Inpaint(Tensor images, Tensor mask, int resamplings)
    {
        if (scheduler.HasOverlappingSteps)
            throw new ArgumentException(
                $"{scheduler.GetType().Name} takes steps that overlap, between which an image cannot be kept; choose another sampler.");
        if (resamplings > 1 && !scheduler.CanRepeatSteps)
            throw new ArgumentException(
                $"{nameof(resamplings)} is {resamplings}, which needs {nameof(DdpmScheduler)} or {nameof(DdimScheduler)}; the sampler is "
                + $"{scheduler.GetType().Name}.", nameof(resamplings));

        IReadOnlyList<double> timesteps = scheduler.Timesteps;
        Tensor isGenerated = mask.GreaterThan(0.5), sample = InitialNoise();
        scheduler.SetBeginIndex(0);
        for (int i = 0; i < timesteps.Count; i++)
        {
            double? next = i + 1 < timesteps.Count ? timesteps[i + 1] : null;
            int repeats = next is null ? 1 : resamplings;
            for (int repeat = 0; repeat < repeats; repeat++)
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor noisy = repeat == 0 ? sample : scheduler.Renoise(sample, next!.Value, timesteps[i], noise.Next());
                SchedulerStep step = Step(noisy, timesteps[i]);
                Tensor kept = next is { } time ? AddNoise(images, time) : images;
                Report?.Invoke(i, timesteps.Count, where(isGenerated, step.PredictedOriginal, images));
                using Tensor before = sample;
                sample = where(isGenerated, step.Previous, kept).MoveToOuterDisposeScope();
            }
        }

        return sample;
    }

    private SchedulerStep Step(Tensor sample, double time)
    {
        Check?.Invoke();
        Tensor input = scheduler.ScaleModelInput(sample, time);
        Tensor output = denoiser.Predict(input, time, withVariance: scheduler.TakesVariance);
        return scheduler.Step(output, time, sample, noise.Next);
    }

    private Tensor InitialNoise() => noise.Next().Times(scheduler.InitialNoiseSigma);

    private Tensor AddNoise(Tensor images, double time) =>
        scheduler.AddNoise(images, noise.Next(), TensorFactory.Constant([images.size(0)], time, ScalarType.Float32, images.device));
}
