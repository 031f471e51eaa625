using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="FlowMatchEulerScheduler"/>.</summary>
public sealed record FlowMatchEulerSchedulerOptions : NoiseSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public FlowMatchEulerSchedulerOptions()
        : base(TimestepSpacing.Linspace)
    {
        PredictionType = PredictionType.Velocity;
    }

    /// <summary>
    /// How far steps are shifted towards noise, above 0 (Esser et al. 2024, eq. 23): above 1 more of them have much noise. Default: 1.
    /// </summary>
    [JsonPropertyName("shift")]
    public double Shift { get; init; } = 1;

    /// <summary>The time of the last step, above 0 and below 1, to which all are stretched. Default: none.</summary>
    [JsonPropertyName("shift_terminal")]
    public double? ShiftTerminal { get; init; }

    /// <summary>Whether steps are shorter where there is less noise (Karras et al. 2022, eq. 5). Default: false, they are even.</summary>
    [JsonPropertyName("use_karras_sigmas")]
    public bool UseKarrasSigmas { get; init; }

    /// <summary>Whether steps are even in the logarithm of the noise. Default: false.</summary>
    [JsonPropertyName("use_exponential_sigmas")]
    public bool UseExponentialSigmas { get; init; }

    /// <summary>Whether each step predicts an image and adds new noise to it. Default: false, it follows the flow.</summary>
    [JsonPropertyName("stochastic_sampling")]
    public bool StochasticSampling { get; init; }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Positive(Shift);
        OptionChecks.Between(ShiftTerminal, 1e-6, 1 - 1e-6);
        if (UseKarrasSigmas && UseExponentialSigmas)
            throw new ArgumentException(
                $"{nameof(UseKarrasSigmas)} and {nameof(UseExponentialSigmas)} are both "
                + "set; expected one of them.", nameof(UseKarrasSigmas));
        if (PredictionType != PredictionType.Velocity)
            throw new ArgumentException(
                $"{nameof(PredictionType)} is {PredictionType}; expected {PredictionType.Velocity}: flow "
                + "matching predicts ε − x₀.", nameof(PredictionType));
    }
}

/// <summary>
/// Euler's method along the flow from noise to image that a model of flow matching has learned (Lipman et al. 2022; Esser et al. 2024). A
/// sample at time σ is (1 − σ) x₀ + σ ε; the predictor predicts ε − x₀, and timesteps are σ times those of the training.
/// </summary>
public sealed class FlowMatchEulerScheduler : NoiseScheduler
{
    private readonly FlowMatchEulerSchedulerOptions _options;
    private float[] _sigmas;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public FlowMatchEulerScheduler(FlowMatchEulerSchedulerOptions? options = null)
        : base(options ??= new FlowMatchEulerSchedulerOptions())
    {
        _options = options;
        _sigmas = [.. Enumerable.Range(1, TrainTimesteps).Reverse().Select(t => Shifted(t / (float)TrainTimesteps)), 0];
        Use(Times(_sigmas));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        (float sigma, float next) = (_sigmas[index], _sigmas[index + 1]);
        Tensor image = sample.Plus(modelOutput, -sigma);
        Tensor result = _options.StochasticSampling
            ? image.Times(1 - next).Plus(NoiseOf(noise, sample), next)
            : sample.Plus(modelOutput, next - sigma);
        return new SchedulerStep(result, image);
    }

    private protected override NoiseLevel LevelAt(double timestep)
    {
        float sigma = _sigmas[IndexOf(timestep)];
        return new NoiseLevel(1 - sigma, sigma);
    }

    private protected override double Highest => TrainTimesteps;

    private protected override double[] Choose(int steps)
    {
        double highest = Shifted(1), lowest = Shifted(1 / (float)TrainTimesteps);
        double[] sigmas = [.. TimestepGrid.Linspace(highest * TrainTimesteps, lowest * TrainTimesteps, steps).Select(
            t => t / TrainTimesteps)
            .Select(s => _options.Shift * s / (1 + (_options.Shift - 1) * s))];
        if (_options.ShiftTerminal is { } terminal && sigmas[^1] < 1)
        {
            double factor = (1 - sigmas[^1]) / (1 - terminal);
            sigmas = [.. sigmas.Select(s => 1 - (1 - s) / factor)];
        }

        if (_options.UseKarrasSigmas)
            sigmas = SigmaTable.Karras(sigmas[0], sigmas[^1], steps);
        else if (_options.UseExponentialSigmas)
            sigmas = SigmaTable.Exponential(sigmas[0], sigmas[^1], steps);
        _sigmas = [.. sigmas.Select(s => (float)s), 0];
        return Times(_sigmas);
    }

    private float Shifted(float sigma) => (float)_options.Shift * sigma / (1 + ((float)_options.Shift - 1) * sigma);

    private double[] Times(float[] sigmas) => [.. sigmas[..^1].Select(s => (double)(s * TrainTimesteps))];
}
