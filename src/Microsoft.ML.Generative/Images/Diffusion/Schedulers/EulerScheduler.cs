using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Where the last step of a sampler goes.</summary>
public enum FinalSigmasType
{
    /// <summary>To an image without noise.</summary>
    [JsonStringEnumMemberName("zero")]
    Zero,

    /// <summary>To the noise of the training's first timestep.</summary>
    [JsonStringEnumMemberName("sigma_min")]
    SigmaMin,
}

/// <summary>Options of <see cref="EulerScheduler"/>.</summary>
public sealed record EulerSchedulerOptions : SigmaSchedulerOptions
{
    /// <summary>Where the last step goes. Default: <see cref="FinalSigmasType.Zero"/>.</summary>
    [JsonPropertyName("final_sigmas_type")]
    public FinalSigmasType FinalSigmasType { get; init; }

    /// <summary>The smallest σ of <see cref="SigmaSchedulerOptions.UseKarrasSigmas"/>, above 0. Default: that of the last timestep.</summary>
    [JsonPropertyName("sigma_min")]
    public double? SigmaMin { get; init; }

    /// <summary>The largest σ of <see cref="SigmaSchedulerOptions.UseKarrasSigmas"/>, above 0. Default: that of the first timestep.</summary>
    [JsonPropertyName("sigma_max")]
    public double? SigmaMax { get; init; }

    /// <summary>How much noise is added before each step, at least 0 (Karras et al. 2022, algorithm 2). Default: 0, none.</summary>
    [JsonIgnore]
    public double Churn { get; init; }

    /// <summary>The standard deviation of that noise, at least 0. Default: 1.</summary>
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

/// <summary>Euler's method along the probability flow (Karras, Aittala, Aila, Laine 2022, <see href="https://arxiv.org/abs/2206.00364"/>, algorithm 2 without its correction).</summary>
public sealed class EulerScheduler : SigmaNoiseScheduler
{
    private readonly EulerSchedulerOptions _options;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="options">Its options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public EulerScheduler(EulerSchedulerOptions? options = null)
        : base(options ??= new EulerSchedulerOptions())
    {
        _options = options;
    }

    /// <summary>Chooses timesteps of one's own.</summary>
    /// <param name="timesteps">Falling, below <see cref="NoiseScheduler.TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentException">They are not, or <see cref="SigmaSchedulerOptions"/> has its own way to choose them.</exception>
    public void SetTimesteps(IReadOnlyList<int> timesteps)
    {
        CheckTimesteps(timesteps);
        if (_options.HasOwnSigmas)
            throw new ArgumentException("Timesteps are given, and the options choose them by the noise; expected one of both.", nameof(timesteps));
        Use(timesteps.Count, Choose([.. timesteps.Select(t => (double)t)]));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise)
    {
        int index = Index(timestep);
        float sigma = Sigmas[index], gamma = (float)Math.Min(_options.Churn / (Sigmas.Length - 1), Math.Sqrt(2) - 1), noisier = sigma * (gamma + 1);
        if (gamma > 0)
            sample = sample.Plus(Draw(noise, sample).Times(_options.ChurnNoise), MathF.Sqrt(noisier * noisier - sigma * sigma));
        Tensor image = PredictionType == PredictionType.Velocity ? ImageAt(sample, modelOutput, sigma) : ImageAt(sample, modelOutput, noisier);
        Tensor derivative = (sample - image).Over(noisier);
        CountStep();
        return new SchedulerStep(sample.Plus(derivative, Sigmas[index + 1] - noisier), image);
    }

    private protected override double[] Choose(int steps) =>
        Choose(TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset));

    private double[] Choose(double[] even)
    {
        (double[] timesteps, double[] sigmas) = Space(even, _options, _options.SigmaMin, _options.SigmaMax);
        Sigmas = [.. sigmas.Select(s => (float)s), _options.FinalSigmasType == FinalSigmasType.Zero ? 0 : (float)Table.Lowest];
        return timesteps;
    }
}
