using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>The loop of a sampler: from noise, or from a noisy image, step by step to an image.</summary>
internal sealed class SamplingLoop
{
    private readonly NoiseScheduler _scheduler;
    private readonly GuidedPrediction _prediction;
    private readonly ImageNoise _noise;

    /// <param name="scheduler">A scheduler of its own, with its timesteps set.</param>
    /// <param name="prediction">What the network says.</param>
    /// <param name="noise">The images' noise.</param>
    public SamplingLoop(NoiseScheduler scheduler, GuidedPrediction prediction, ImageNoise noise)
    {
        (_scheduler, _prediction, _noise) = (scheduler, prediction, noise);
    }

    /// <summary>Called before each step.</summary>
    public Action? Check { get; init; }

    /// <summary>Called after each step, with its number from 0, how many there are, and what the images will be as far as the step can tell.</summary>
    public Action<int, int, Tensor>? Report { get; init; }

    /// <summary>Draws new images from noise, [images, channels, height, width] in −1..1.</summary>
    public Tensor Draw() => Run(_noise.Next().Times(_scheduler.InitialNoiseSigma), 0);

    /// <summary>Draws from noise of one's own, [images, channels, height, width].</summary>
    public Tensor DrawFrom(Tensor noise) => Run(noise.Times(_scheduler.InitialNoiseSigma), 0);

    /// <summary>Draws images like those given: noise is added as far as the strength says, and taken away (SDEdit; Meng et al. 2021).</summary>
    /// <param name="images">In −1..1.</param>
    /// <param name="strength">0 to 1.</param>
    public Tensor Change(Tensor images, double strength)
    {
        IReadOnlyList<double> timesteps = _scheduler.Timesteps;
        int steps = (int)Math.Round(_scheduler.StepCount * strength);
        if (steps == 0)
            return images;
        // Of timesteps that stand twice, a step begins with the second.
        int start = (_scheduler.StepCount - steps) * _scheduler.Order;
        return Run(_scheduler.AddNoise(images, _noise.Next(), Times(images, timesteps[start])), start);
    }

    /// <summary>Draws only where a mask says so: the rest is the image's own, as noisy as the step is (RePaint; Lugmayr et al. 2022, algorithm 1).</summary>
    /// <param name="images">In −1..1.</param>
    /// <param name="mask">1 where to draw, 0 where to keep, of the images' shape.</param>
    /// <param name="resamplings">How often each step is taken, so that what is drawn fits what is kept.</param>
    /// <param name="renoise">One step of noise from one timestep to an earlier one of the drawing; needed for more than one resampling.</param>
    public Tensor Inpaint(Tensor images, Tensor mask, int resamplings, Func<Tensor, double, double?, Tensor, Tensor>? renoise)
    {
        IReadOnlyList<double> timesteps = _scheduler.Timesteps;
        Tensor sample = _noise.Next().Times(_scheduler.InitialNoiseSigma);
        for (int i = 0; i < timesteps.Count; i++)
        {
            bool isLast = i == timesteps.Count - 1;
            for (int repeat = 0; repeat < (isLast ? 1 : resamplings); repeat++)
            {
                using DisposeScope scope = NewDisposeScope();
                if (repeat > 0)
                    sample = renoise!(sample, timesteps[i], isLast ? null : timesteps[i + 1], _noise.Next());
                (Tensor previous, Tensor expected) = Step(sample, i);
                Tensor kept = isLast ? images : _scheduler.AddNoise(images, _noise.Next(), Times(images, timesteps[i + 1]));
                sample = where(mask.gt(0.5), previous, kept);
                Report?.Invoke(i, timesteps.Count, where(mask.gt(0.5), expected, images));
                sample = sample.MoveToOuterDisposeScope();
            }
        }

        return sample;
    }

    private Tensor Run(Tensor sample, int start)
    {
        int steps = _scheduler.Timesteps.Count;
        for (int i = start; i < steps; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor previous, Tensor expected) = Step(sample, i);
            Report?.Invoke(i - start, steps - start, expected);
            using Tensor before = sample;
            sample = previous.MoveToOuterDisposeScope();
        }

        return sample;
    }

    private (Tensor Previous, Tensor Expected) Step(Tensor sample, int index)
    {
        Check?.Invoke();
        double time = _scheduler.Timesteps[index];
        Tensor output = _prediction.At(_scheduler.ScaleModelInput(sample, time), time);
        if (output.size(1) != sample.size(1) && !_scheduler.TakesVariance)
            output = output.narrow(1, 0, sample.size(1));
        SchedulerStep step = _scheduler.Step(output, time, sample, _noise.Next);
        return (step.Previous, step.PredictedOriginal);
    }

    private static Tensor Times(Tensor images, double time) => full([images.size(0)], time, ScalarType.Float32, images.device);
}
