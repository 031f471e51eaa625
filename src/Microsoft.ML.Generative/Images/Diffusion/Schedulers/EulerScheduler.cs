using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>The noise after the last step of a sampler.</summary>
public enum FinalSigmasType
{
    /// <summary>None.</summary>
    [JsonStringEnumMemberName("zero")]
    Zero,

    /// <summary>That of the training's first timestep.</summary>
    [JsonStringEnumMemberName("sigma_min")]
    SigmaMin,
}

/// <summary>Options of <see cref="EulerScheduler"/>.</summary>
public sealed record EulerSchedulerOptions : SigmaSchedulerOptions
{
    /// <summary>The noise after the last step. Default: <see cref="FinalSigmasType.Zero"/>.</summary>
    [JsonPropertyName("final_sigmas_type")]
    public FinalSigmasType FinalSigmasType { get; init; }

    /// <summary>
    /// The smallest σ of <see cref="SigmaSchedulerOptions.UseKarrasSigmas"/>, above 0. Default: that of the last timestep.
    /// </summary>
    [JsonPropertyName("sigma_min")]
    public double? SigmaMin { get; init; }

    /// <summary>
    /// The largest σ of <see cref="SigmaSchedulerOptions.UseKarrasSigmas"/>, above 0. Default: that of the first timestep.
    /// </summary>
    [JsonPropertyName("sigma_max")]
    public double? SigmaMax { get; init; }

    /// <summary>
    /// S_churn: how much noise is added before each step, at least 0 (Karras et al. 2022, algorithm 2). Default: 0, none.
    /// </summary>
    [JsonIgnore]
    public double Churn { get; init; }

    /// <summary>S_noise: the standard deviation of that noise, at least 0. Default: 1.</summary>
    [JsonIgnore]
    public double ChurnNoise { get; init; } = 1;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Defined(FinalSigmasType);
        OptionChecks.Positive(SigmaMin);
        OptionChecks.Positive(SigmaMax);
        OptionChecks.AtLeast(Churn, 0);
        OptionChecks.AtLeast(ChurnNoise, 0);
    }
}

/// <summary>
/// Euler's method along the probability flow (Karras, Aittala, Aila, Laine 2022, <see href="https://arxiv.org/abs/2206.00364"/>, algorithm
/// 2 without its correction).
/// </summary>
public sealed class EulerScheduler : NoiseScheduler
{
    private readonly EulerSchedulerOptions _options;
    private readonly SigmaSteps _steps;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public EulerScheduler(EulerSchedulerOptions? options = null)
        : base(options ??= new EulerSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative);
    }

    /// <summary>Sets the timesteps to given ones.</summary>
    /// <param name="timesteps">Falling, below <see cref="NoiseScheduler.TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentException">They are not, or the options space them by the noise.</exception>
    public void SetTimesteps(IReadOnlyList<int> timesteps)
    {
        CheckTimesteps(timesteps, areSpacedByNoise: _options.HasOwnSigmas);
        Use(Choose([.. timesteps.Select(t => (double)t)]));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        float gamma = (float)Math.Min(_options.Churn / _steps.Count, Math.Sqrt(2) - 1);
        float sigma = _steps[index], noisier = sigma * (gamma + 1);
        if (gamma > 0)
            sample = sample.Plus(
                NoiseOf(noise, sample).Times(_options.ChurnNoise), MathF.Sqrt(MathF.Max(noisier * noisier - sigma * sigma, 0)));
        Tensor image = PredictionType == PredictionType.Velocity
            ? ImageBeside(sigma, sample, modelOutput)
            : ImageBeside(noisier, sample, modelOutput);
        Tensor derivative = (sample - image).Over(noisier);
        return new SchedulerStep(sample.Plus(derivative, _steps[index + 1] - noisier), image);
    }

    private protected override SigmaSteps FullSizeSteps => _steps;

    private protected override double[] Choose(int steps) =>
        Choose(TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset));

    private double[] Choose(double[] even)
    {
        (double[] timesteps, double[] sigmas) = _steps.Space(even, _options, _options.SigmaMax, _options.SigmaMin, t => (float)t);
        _steps.Set(sigmas, _options.FinalSigmasType == FinalSigmasType.Zero ? 0 : _steps.Table.Lowest);
        return timesteps;
    }
}
