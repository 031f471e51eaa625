using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative;

/// <summary>
/// A sampler: goes from noise to a picture step by step, by what any predictor says of each step. Set the timesteps, then call <see cref="Step"/> for each of them
/// in order.
/// </summary>
/// <remarks>An object belongs to one loop at a time; <see cref="Clone"/> makes another.</remarks>
/// <example>
/// <code>
/// using var scheduler = new DdimScheduler();
/// scheduler.SetTimesteps(50);
/// torch.Tensor sample = torch.randn(16, 1, 32, 32) * scheduler.InitialNoiseSigma;
/// foreach (double t in scheduler.Timesteps)
///     sample = scheduler.Step(predictor(scheduler.ScaleModelInput(sample, t), t), t, sample).Previous;
/// </code>
/// </example>
public abstract class NoiseScheduler : IDisposable
{
    private protected NoiseScheduler()
    {
    }

    /// <summary>The timesteps to take, from the noisiest.</summary>
    public abstract IReadOnlyList<double> Timesteps { get; }

    /// <summary>The standard deviation of the noise to begin with.</summary>
    public abstract double InitialNoiseSigma { get; }

    /// <summary>Timesteps of the training.</summary>
    public abstract int TrainTimesteps { get; }

    /// <summary>What the predictor tells.</summary>
    public abstract PredictionType PredictionType { get; }

    /// <summary>Chooses the timesteps and forgets earlier steps.</summary>
    /// <param name="steps">How many, at least 1.</param>
    public abstract void SetTimesteps(int steps);

    /// <summary>The sample as the predictor wants it.</summary>
    public virtual Tensor ScaleModelInput(Tensor sample, double timestep) => sample;

    /// <summary>One step towards the picture.</summary>
    public abstract SchedulerStep Step(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise = null);

    /// <summary>Pictures with as much noise as they have at timesteps.</summary>
    public abstract Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps);

    /// <summary>diffusers' configuration.</summary>
    public abstract JsonObject ToConfig();

    /// <summary>A scheduler of the same configuration, at its beginning.</summary>
    public abstract NoiseScheduler Clone();

    /// <summary>Releases what is remembered of earlier steps.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}

/// <summary>What a step gives.</summary>
/// <param name="Previous">The sample one step nearer to the picture.</param>
/// <param name="PredictedOriginal">What the picture will be as far as the step can tell, where the method knows.</param>
public readonly record struct SchedulerStep(Tensor Previous, Tensor? PredictedOriginal);
