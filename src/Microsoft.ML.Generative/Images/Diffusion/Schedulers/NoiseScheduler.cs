using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>
/// A sampler: goes from noise to an image step by step, by what any predictor says of each step. Set the timesteps, then call <see cref="Step"/> for each of them
/// in order.
/// </summary>
/// <remarks>
/// The numbers are those of diffusers' scheduler of the same name. An object belongs to one loop at a time; <see cref="Clone"/> makes another.
/// </remarks>
/// <example>
/// <code>
/// using TorchSharp;
///
/// using var scheduler = new DdimScheduler();
/// scheduler.SetTimesteps(50);
/// torch.Tensor sample = torch.randn(16, 1, 32, 32) * scheduler.InitialNoiseSigma;
/// foreach (double t in scheduler.Timesteps)
///     sample = scheduler.Step(Predict(scheduler.ScaleModelInput(sample, t), t), t, sample).Previous;
///
/// // In place of a network that predicts the noise of a sample at a timestep.
/// static torch.Tensor Predict(torch.Tensor sample, double timestep) =&gt; torch.zeros_like(sample);
/// </code>
/// </example>
public abstract class NoiseScheduler : IDisposable
{
    private readonly NoiseSchedulerOptions _options;
    private double[] _timesteps;
    private int? _steps;

    private protected NoiseScheduler(NoiseSchedulerOptions options)
    {
        options.Validate();
        _options = options;
        AlphasCumulative = [.. new NoiseSchedule(options.Schedule).AlphasCumulative];
        _timesteps = [.. Enumerable.Range(0, options.Schedule.TrainTimesteps).Select(t => (double)t).Reverse()];
    }

    /// <summary>The timesteps to take, from the noisiest; before <see cref="SetTimesteps(int)"/> all those of the training.</summary>
    public IReadOnlyList<double> Timesteps => _timesteps;

    /// <summary>The standard deviation of the noise to begin with.</summary>
    public virtual double InitialNoiseSigma => 1;

    /// <summary>Timesteps of the training.</summary>
    public int TrainTimesteps => _options.Schedule.TrainTimesteps;

    /// <summary>What the predictor tells.</summary>
    public PredictionType PredictionType => _options.PredictionType;

    /// <summary>Chooses the timesteps and forgets earlier steps.</summary>
    /// <param name="steps">How many, 1 to <see cref="TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void SetTimesteps(int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, TrainTimesteps);
        double[] timesteps = Choose(steps);
        if (timesteps.Any(timestep => timestep > Highest))
            throw new ArgumentOutOfRangeException(nameof(steps), steps, $"With {nameof(NoiseSchedulerOptions.StepsOffset)} {_options.StepsOffset} so many steps begin with timestep {timesteps.Max()}; the last is {TrainTimesteps - 1}.");
        Use(steps, timesteps);
    }

    /// <summary>The sample as the predictor wants it.</summary>
    /// <param name="sample">The sample, of any shape that begins with the batch.</param>
    /// <param name="timestep">One of <see cref="Timesteps"/>.</param>
    public virtual Tensor ScaleModelInput(Tensor sample, double timestep) => sample;

    /// <summary>One step towards the image.</summary>
    /// <param name="modelOutput">What the predictor says of the scaled sample, of the sample's shape.</param>
    /// <param name="timestep">The next of <see cref="Timesteps"/>.</param>
    /// <param name="sample">The sample, Float32, [batch, channels, ..].</param>
    /// <param name="noise">Standard normal noise of the sample's shape, for steps that add some. Default: from libtorch's generator.</param>
    /// <returns>The sample one step nearer to the image, and what the image will be as far as the step can tell. Both belong to the caller.</returns>
    /// <exception cref="ArgumentException">The timestep is none of <see cref="Timesteps"/>, or the output has another shape.</exception>
    /// <exception cref="InvalidOperationException">The timesteps have not been set, or all have been taken.</exception>
    public SchedulerStep Step(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise = null)
    {
        ArgumentNullException.ThrowIfNull(modelOutput);
        ArgumentNullException.ThrowIfNull(sample);
        if (Array.IndexOf(_timesteps, timestep) < 0)
            throw new ArgumentException($"The timestep {timestep} is none of those to take, {_timesteps[0]} to {_timesteps[^1]}.", nameof(timestep));
        long[] expected = sample.shape, found = modelOutput.shape;
        bool tellsVariance = TakesVariance && found.Length > 1 && found[1] == 2 * expected[1];
        if (tellsVariance)
            expected[1] *= 2;
        if (!found.AsSpan().SequenceEqual(expected))
            throw new ArgumentException($"The predictor's output is [{string.Join(", ", found)}]; expected [{string.Join(", ", sample.shape)}], the sample's shape.", nameof(modelOutput));

        using DisposeScope scope = NewDisposeScope();
        SchedulerStep step = Advance(modelOutput, timestep, sample, noise);
        // The image may be what the predictor has said.
        Tensor image = ReferenceEquals(step.PredictedOriginal, modelOutput) ? modelOutput.alias() : step.PredictedOriginal;
        return new SchedulerStep(step.Previous.MoveToOuterDisposeScope(), image.MoveToOuterDisposeScope());
    }

    /// <summary>Images with as much noise as they have at timesteps.</summary>
    /// <param name="original">Images, [batch, ..].</param>
    /// <param name="noise">Standard normal, of the same shape.</param>
    /// <param name="timesteps">A timestep for each image, or one for all.</param>
    public virtual Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps)
    {
        float[] alphas = [.. Values(timesteps).Select(t => t >= 0 && t < TrainTimesteps
            ? AlphasCumulative[(int)t]
            : throw new ArgumentException($"The timestep is {t}; expected 0 to {TrainTimesteps - 1}.", nameof(timesteps)))];
        return (Column([.. alphas.Select(MathF.Sqrt)], original) * original).Plus(Column([.. alphas.Select(a => MathF.Sqrt(1 - a))], original) * noise);
    }

    /// <summary>The configuration as diffusers writes it to <c>scheduler_config.json</c>.</summary>
    public JsonObject ToConfig() => SchedulerConfig.Write(_options);

    /// <summary>A scheduler from a configuration that diffusers has written.</summary>
    /// <param name="config">The content of a <c>scheduler_config.json</c>; absent members have the defaults of the class that it names.</param>
    /// <param name="warn">Told of members that the class does not know.</param>
    /// <exception cref="InvalidDataException">The class is not known, or a member has a value that is not; the message names it.</exception>
    public static NoiseScheduler FromConfig(JsonObject config, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return SchedulerConfig.Read(config, warn ?? (_ => { }));
    }

    /// <summary>A scheduler of the same configuration, at its beginning.</summary>
    public NoiseScheduler Clone() => SchedulerKinds.Of(_options).Create(_options);

    /// <summary>Releases what is remembered of earlier steps.</summary>
    public void Dispose()
    {
        Forget();
        GC.SuppressFinalize(this);
    }

    internal NoiseScheduleOptions Schedule => _options.Schedule;

    /// <summary>ᾱ by timestep.</summary>
    private protected float[] AlphasCumulative { get; }

    /// <summary>How many steps were asked for.</summary>
    private protected int Steps => _steps ?? throw new InvalidOperationException($"No timesteps have been chosen: call {nameof(SetTimesteps)} first.");

    private protected bool HasTimesteps => _steps is not null;

    /// <summary>How often a step asks the predictor.</summary>
    internal virtual int Order => 1;

    /// <summary>Steps that were asked for.</summary>
    internal int StepCount => Steps;

    /// <summary>Whether a step needs what others before it have computed on the way, so that samples between them cannot be changed.</summary>
    internal virtual bool HasOverlappingSteps => false;

    /// <summary>Whether a step can be taken again from another sample: it remembers nothing.</summary>
    internal virtual bool CanRepeatSteps => false;

    /// <summary>Adds the noise between two timesteps: q(x[t] | x[s]) for an earlier s (Lugmayr et al. 2022, eq. 6).</summary>
    internal Tensor Renoise(Tensor sample, double earlier, double later, Tensor noise)
    {
        double kept = AlphasCumulative[(int)later] / (double)AlphasCumulative[(int)earlier];
        return sample.Times(Math.Sqrt(kept)).Plus(noise, Math.Sqrt(1 - kept));
    }

    /// <summary>Whether it has a use for what a predictor says of the variance in as many further channels.</summary>
    internal virtual bool TakesVariance => false;

    /// <summary>The highest timestep there can be.</summary>
    private protected virtual double Highest => TrainTimesteps - 1;

    private protected abstract double[] Choose(int steps);

    private protected abstract SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise);

    private protected void Use(int steps, double[] timesteps)
    {
        Forget();
        (_steps, _timesteps) = (steps, timesteps);
    }

    /// <summary>Timesteps of the user's own, from the noisiest.</summary>
    private protected void CheckTimesteps(IReadOnlyList<int> timesteps)
    {
        ArgumentNullException.ThrowIfNull(timesteps);
        if (timesteps.Count == 0 || timesteps[0] >= TrainTimesteps || timesteps[^1] < 0 || timesteps.Zip(timesteps.Skip(1)).Any(pair => pair.Second >= pair.First))
            throw new ArgumentException($"The timesteps are [{string.Join(", ", timesteps.Take(10))}]; expected falling ones from {TrainTimesteps - 1} to 0.", nameof(timesteps));
    }

    private protected virtual void Forget()
    {
    }

    /// <summary>Where a timestep is; of one that stands twice the second place, with which diffusers begins in the middle.</summary>
    private protected int IndexOf(double timestep)
    {
        int first = Array.IndexOf(_timesteps, timestep);
        if (first < 0)
            throw new ArgumentException($"The timestep {timestep} is none of those to take, {_timesteps[0]} to {_timesteps[^1]}.", nameof(timestep));
        return first + 1 < _timesteps.Length && Array.IndexOf(_timesteps, timestep, first + 1) is > 0 and var second ? second : first;
    }

    private protected static double[] Values(Tensor timesteps) => TensorMemory.ToArray<double>(timesteps.reshape(-1).to(ScalarType.Float64));

    /// <summary>Numbers, one a row or one for all, that multiply rows.</summary>
    private protected static Tensor Column(float[] values, Tensor like) =>
        tensor(values, device: like.device).view([values.Length, .. Enumerable.Repeat(1L, (int)like.dim() - 1)]);

    /// <summary>x0, from what the predictor says where the sample is √ᾱ x0 + √(1 − ᾱ) ε.</summary>
    private protected Tensor Image(Tensor sample, Tensor output, float signal, float noise) => PredictionType switch
    {
        PredictionType.Sample => output,
        PredictionType.Velocity => sample.Times(signal).Plus(output, -noise),
        _ => sample.Plus(output, -noise).Over(signal),
    };

    /// <summary>ε, in the same way.</summary>
    private protected Tensor Noise(Tensor sample, Tensor output, float signal, float noise) => PredictionType switch
    {
        PredictionType.Sample => sample.Plus(output, -signal).Over(noise),
        PredictionType.Velocity => output.Times(signal).Plus(sample, noise),
        _ => output,
    };

    private protected static Tensor Draw(Func<Tensor>? noise, Tensor like) => noise?.Invoke() ?? randn_like(like);

    /// <summary>A copy that outlives the step.</summary>
    private protected static Tensor Remember(Tensor values) => values.detach().clone().DetachFromDisposeScope();
}

/// <summary>What a step gives.</summary>
/// <param name="Previous">The sample one step nearer to the image.</param>
/// <param name="PredictedOriginal">What the image will be as far as the step can tell.</param>
public readonly record struct SchedulerStep(Tensor Previous, Tensor PredictedOriginal);
