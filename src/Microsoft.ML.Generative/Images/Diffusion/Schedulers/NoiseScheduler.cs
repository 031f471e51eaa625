using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>
/// A sampler: turns noise into an image step by step, each by a prediction from any network. Set the timesteps, then call
/// <see cref="Step"/> for each of them in order. It is the common type of all samplers, such as
/// <see cref="DiffusionGenerateOptions.Scheduler"/> takes; no other can be derived from it.
/// </summary>
/// <remarks>
/// The results are those of diffusers' scheduler of the same name. An object belongs to one loop at a time; <see cref="Clone"/> makes
/// another.
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
    private int[]? _stepStarts;
    private bool _isSet;
    private int? _next;

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
    public double InitialNoiseSigma => FullSizeSteps?.InitialNoise(_options.TimestepSpacing) ?? 1;

    /// <summary>Timesteps of the training.</summary>
    public int TrainTimesteps => _options.Schedule.TrainTimesteps;

    /// <summary>What the predictor predicts.</summary>
    public PredictionType PredictionType => _options.PredictionType;

    /// <summary>Chooses the timesteps and forgets earlier steps.</summary>
    /// <param name="steps">The number of steps, 1 to <see cref="TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="steps"/> is out of its range.</exception>
    public void SetTimesteps(int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, TrainTimesteps);
        double[] timesteps = Choose(steps);
        if (timesteps.Any(timestep => timestep > Highest))
            throw new ArgumentOutOfRangeException(
                nameof(steps), steps,
                $"With {nameof(NoiseSchedulerOptions.StepsOffset)} {_options.StepsOffset} {steps} steps begin with timestep "
                + $"{timesteps.Max()}; the last is {TrainTimesteps - 1}.");
        Use(timesteps);
    }

    /// <summary>Says where a loop begins that does not take all <see cref="Timesteps"/>, such as one from a noisy image.</summary>
    /// <param name="index">The index of the first timestep to take.</param>
    /// <remarks>
    /// Without it, the first timestep that is asked for says where the loop begins. That is not clear where rounding has made timesteps
    /// equal, as spacing by the noise may.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// There is no such index, or it is in the middle of a step of several predictions.
    /// </exception>
    public void SetBeginIndex(int index)
    {
        if (!StepStarts.Contains(index))
            throw new ArgumentOutOfRangeException(
                nameof(index), index,
                $"No step begins with the timestep at {index}; steps begin at {string.Join(", ", StepStarts.Take(10))}"
                + $"{(StepStarts.Count > 10 ? ", …" : "")}.");
        Forget();
        _next = index;
    }

    /// <summary>Scales a sample for the predictor.</summary>
    /// <param name="sample">The sample, of any shape that begins with the batch.</param>
    /// <param name="timestep">One of <see cref="Timesteps"/>.</param>
    public Tensor ScaleModelInput(Tensor sample, double timestep) =>
        FullSizeSteps is { } steps ? steps.Scale(sample, IndexOf(timestep)) : sample;

    /// <summary>Takes one step towards the image.</summary>
    /// <param name="modelOutput">The prediction from the scaled sample, of the sample's shape.</param>
    /// <param name="timestep">The next of <see cref="Timesteps"/>.</param>
    /// <param name="sample">The sample, Float32, [batch, channels, ..].</param>
    /// <param name="noise">
    /// Standard normal noise of the sample's shape, for steps that add some. Default: from libtorch's generator.
    /// </param>
    /// <returns>The sample one step nearer to the image, and the image as the step predicts it. Both belong to the caller.</returns>
    /// <exception cref="ArgumentException">
    /// The timestep is not the next of <see cref="Timesteps"/>, or the output has another shape.
    /// </exception>
    /// <exception cref="InvalidOperationException">The timesteps have not been set, or all have been taken.</exception>
    public SchedulerStep Step(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise = null)
    {
        ArgumentNullException.ThrowIfNull(modelOutput);
        ArgumentNullException.ThrowIfNull(sample);
        int index = CanRepeatSteps || _next is null ? IndexOf(timestep) : NextIndex(timestep);
        long[] expected = sample.shape, found = modelOutput.shape;
        bool hasVariance = TakesVariance && found.Length > 1 && found[1] == 2 * expected[1];
        if (hasVariance)
            expected[1] *= 2;
        if (!found.AsSpan().SequenceEqual(expected))
            throw new ArgumentException(
                $"The predictor's output is [{string.Join(", ", found)}]; expected "
                + $"[{string.Join(", ", sample.shape)}], the sample's shape.", nameof(modelOutput));

        using DisposeScope scope = NewDisposeScope();
        SchedulerStep step = Advance(modelOutput, index, sample, noise);
        _next = index + 1;
        // The image may be the prediction itself.
        Tensor image = ReferenceEquals(step.PredictedOriginal, modelOutput) ? modelOutput.alias() : step.PredictedOriginal;
        return new SchedulerStep(step.Previous.MoveToOuterDisposeScope(), image.MoveToOuterDisposeScope());
    }

    /// <summary>Adds as much noise to images as they have at timesteps.</summary>
    /// <param name="original">Images, [batch, ..].</param>
    /// <param name="noise">Standard normal, of the same shape.</param>
    /// <param name="timesteps">A timestep for each image, or one for all.</param>
    /// <exception cref="ArgumentException">There is no such timestep.</exception>
    public Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps)
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(noise);
        ArgumentNullException.ThrowIfNull(timesteps);
        NoiseLevel[] levels = [.. TensorMemory.ToArray<double>(timesteps.reshape(-1).to(ScalarType.Float64)).Select(LevelAt)];
        long[] perImage = [levels.Length, .. Enumerable.Repeat(1L, (int)original.dim() - 1)];
        return new NoiseFactors(Column(level => level.Signal), Column(level => level.Noise)).Sample(original, noise);

        Tensor Column(Func<NoiseLevel, float> factor) => tensor([.. levels.Select(factor)], device: original.device).view(perImage);
    }

    /// <summary>Writes the configuration as diffusers has it in <c>scheduler_config.json</c>.</summary>
    public JsonObject ToConfig() => SchedulerConfig.Write(_options);

    /// <summary>Creates a scheduler from a configuration as diffusers has it.</summary>
    /// <param name="config">
    /// The content of a <c>scheduler_config.json</c>; absent members have the defaults of the class that it names.
    /// </param>
    /// <param name="warn">Called for members that the class does not have.</param>
    /// <exception cref="InvalidDataException">The class or the value of a member is not supported; the message names it.</exception>
    public static NoiseScheduler FromConfig(JsonObject config, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return SchedulerConfig.Read(config, warn ?? (_ => { }));
    }

    /// <summary>Creates a scheduler of the same configuration, at its beginning.</summary>
    public NoiseScheduler Clone() => SchedulerKinds.Of(_options).Create(_options);

    /// <summary>Releases the tensors of earlier steps.</summary>
    public void Dispose()
    {
        Forget();
        GC.SuppressFinalize(this);
    }

    internal NoiseScheduleOptions Schedule => _options.Schedule;

    /// <summary>ᾱ by timestep.</summary>
    private protected float[] AlphasCumulative { get; }

    /// <summary>The index of the first timestep of each step: a step may take several predictions.</summary>
    internal IReadOnlyList<int> StepStarts => _stepStarts ??= [.. FindStepStarts(_timesteps.Length)];

    /// <summary>Whether a step uses samples of the steps before it, so that samples between them cannot be changed.</summary>
    internal virtual bool HasOverlappingSteps => false;

    /// <summary>Whether a step can be taken again from another sample: it depends on nothing else.</summary>
    internal virtual bool CanRepeatSteps => false;

    /// <summary>Adds the noise between two timesteps: q(x[t] | x[s]) for an earlier s (Lugmayr et al. 2022, eq. 6).</summary>
    internal Tensor Renoise(Tensor sample, double earlier, double later, Tensor noise)
    {
        double kept = AlphasCumulative[(int)later] / (double)AlphasCumulative[(int)earlier];
        return sample.Times(Math.Sqrt(kept)).Plus(noise, Math.Sqrt(Math.Max(1 - kept, 0)));
    }

    /// <summary>Whether it uses a variance that the predictor outputs in as many further channels.</summary>
    internal virtual bool TakesVariance => false;

    /// <summary>The highest possible timestep.</summary>
    private protected virtual double Highest => TrainTimesteps - 1;

    /// <summary>The timesteps of a number of steps.</summary>
    private protected abstract double[] Choose(int steps);

    /// <inheritdoc cref="Step"/>
    private protected abstract SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise);

    /// <summary>Sets the timesteps, and forgets earlier steps.</summary>
    private protected void Use(double[] timesteps)
    {
        foreach (double timestep in DividesBySignal ? timesteps : [])
        {
            if (AlphasCumulative[(int)timestep] == 0)
                throw new ArgumentException(
                    $"At timestep {timestep} nothing of the image is left, and {nameof(PredictionType)} {PredictionType} says nothing of "
                    + $"it there: expected {PredictionType.Velocity} or {PredictionType.Sample}, or {nameof(TimestepSpacing)} "
                    + $"{TimestepSpacing.Leading}.");
        }

        Forget();
        (_timesteps, _stepStarts, _isSet, _next) = (timesteps, null, true, null);
    }

    /// <summary>Whether a step divides by the image's part of its sample.</summary>
    private protected virtual bool DividesBySignal => false;

    /// <summary>The indices of the timesteps that steps begin with.</summary>
    private protected virtual IEnumerable<int> FindStepStarts(int count) => Enumerable.Range(0, count);

    /// <exception cref="InvalidOperationException">No timesteps have been chosen.</exception>
    private protected void CheckTimestepsAreSet()
    {
        if (!_isSet)
            throw new InvalidOperationException($"No timesteps have been chosen: call {nameof(SetTimesteps)} first.");
    }

    /// <summary>The timestep after one, or −1 after the last: what a step goes to, however far away it is.</summary>
    private protected int TimestepAfter(int index) => index + 1 < _timesteps.Length ? (int)_timesteps[index + 1] : -1;

    /// <summary>Checks timesteps that the user gives.</summary>
    /// <param name="timesteps">The timesteps.</param>
    /// <param name="areSpacedByNoise">Whether the options space timesteps by the noise.</param>
    private protected void CheckTimesteps(IReadOnlyList<int> timesteps, bool areSpacedByNoise = false)
    {
        ArgumentNullException.ThrowIfNull(timesteps);
        if (timesteps.Count == 0 || timesteps[0] >= TrainTimesteps || timesteps[^1] < 0
            || timesteps.Zip(timesteps.Skip(1)).Any(pair => pair.Second >= pair.First))
            throw new ArgumentException(
                $"The timesteps are [{string.Join(", ", timesteps.Take(10))}]; expected falling timesteps from "
                + $"{TrainTimesteps - 1} to 0.", nameof(timesteps));
        if (areSpacedByNoise)
            throw new ArgumentException(
                "Timesteps are given, and the options space them by the noise; expected one of both.", nameof(timesteps));
    }

    /// <summary>Forgets earlier steps, and releases their tensors.</summary>
    private protected virtual void Forget()
    {
    }

    /// <summary>
    /// The steps of a sampler whose samples have images of full size beside the noise; <see langword="null"/>: samples have variance 1.
    /// </summary>
    private protected virtual SigmaSteps? FullSizeSteps => null;

    /// <summary>Image and noise of a sample at a timestep.</summary>
    private protected virtual NoiseLevel LevelAt(double timestep) =>
        FullSizeSteps is { } steps ? new NoiseLevel(1, steps[IndexOf(timestep)])
        : timestep >= 0 && timestep < TrainTimesteps ? NoiseLevel.OfAlphaCumulative(AlphasCumulative[(int)timestep])
        : throw new ArgumentException($"The timestep is {timestep}; expected 0 to {TrainTimesteps - 1}.", nameof(timestep));

    /// <summary>The index of a timestep: the loop's own where it is next, else that of the first step that begins with it.</summary>
    private protected int IndexOf(double timestep)
    {
        if (_next is { } next && next < _timesteps.Length && _timesteps[next] == timestep)
            return next;
        foreach (int start in StepStarts)
        {
            if (_timesteps[start] == timestep)
                return start;
        }

        throw new ArgumentException(
            $"No step begins with the timestep {timestep}; those to take are {_timesteps[0]} to {_timesteps[^1]}.", nameof(timestep));
    }

    private int NextIndex(double timestep)
    {
        int next = _next!.Value;
        // A loop that began with one of several equal timesteps may have begun with a later one than the first.
        while (!HasOverlappingSteps && next > 0 && next < _timesteps.Length && timestep != _timesteps[next]
            && _timesteps[next] == _timesteps[next - 1])
            next++;
        if (next == _timesteps.Length)
            throw new InvalidOperationException(
                $"All {_timesteps.Length} timesteps have been taken: call {nameof(SetTimesteps)} to begin again.");
        return timestep == _timesteps[next] ? next
            : throw new ArgumentException(
                $"The timestep is {timestep}; expected {_timesteps[next]}, the next of "
                + $"{_timesteps[0]} to {_timesteps[^1]}.", nameof(timestep));
    }

    /// <summary>x₀, from a sample and the prediction from it.</summary>
    private protected Tensor Image(Tensor sample, Tensor output, NoiseLevel level) =>
        level.On(sample.device).Image(sample, output, PredictionType);

    /// <summary>ε, from a sample and the prediction from it.</summary>
    private protected Tensor Epsilon(Tensor sample, Tensor output, NoiseLevel level) =>
        level.On(sample.device).Epsilon(sample, output, PredictionType);

    /// <summary>x₀, from a sample with an image of full size and the prediction from the scaled sample.</summary>
    private protected Tensor ImageBeside(float sigma, Tensor sample, Tensor output)
    {
        NoiseLevel level = NoiseLevel.OfSigma(sigma);
        return Image(sample.Times(level.Signal), output, level);
    }

    /// <summary>The noise of a step.</summary>
    private protected static Tensor NoiseOf(Func<Tensor>? noise, Tensor like) => noise?.Invoke() ?? randn_like(like);

    /// <summary>A copy that outlives the step.</summary>
    internal static Tensor Remember(Tensor values) => values.detach().clone().DetachFromDisposeScope();
}

/// <summary>The result of a step.</summary>
/// <param name="Previous">The sample one step nearer to the image.</param>
/// <param name="PredictedOriginal">The image as the step predicts it.</param>
public readonly record struct SchedulerStep(Tensor Previous, Tensor PredictedOriginal);
