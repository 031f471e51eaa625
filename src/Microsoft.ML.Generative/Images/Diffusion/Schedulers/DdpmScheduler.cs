using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>The variance of a step of <see cref="DdpmScheduler"/>.</summary>
public enum DdpmVarianceType
{
    /// <summary>That of q(x[t−1] | x[t], x₀) (Ho et al. 2020, section 3.2).</summary>
    [JsonStringEnumMemberName("fixed_small")]
    FixedSmall,

    /// <summary>The same, through its logarithm.</summary>
    [JsonStringEnumMemberName("fixed_small_log")]
    FixedSmallLog,

    /// <summary>β.</summary>
    [JsonStringEnumMemberName("fixed_large")]
    FixedLarge,

    /// <summary>β, through its logarithm. diffusers takes the logarithm itself as a variance, and its samples are not numbers.</summary>
    [JsonStringEnumMemberName("fixed_large_log")]
    FixedLargeLog,

    /// <summary>The predictor's output in further channels.</summary>
    [JsonStringEnumMemberName("learned")]
    Learned,

    /// <summary>Between the two, by the predictor's output in further channels (Nichol, Dhariwal 2021, eq. 15).</summary>
    [JsonStringEnumMemberName("learned_range")]
    LearnedRange,
}

/// <summary>Options of <see cref="DdpmScheduler"/>.</summary>
public sealed record DdpmSchedulerOptions : NoiseSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public DdpmSchedulerOptions()
        : base(TimestepSpacing.Leading)
    {
    }

    /// <summary>The variance of a step. Default: <see cref="DdpmVarianceType.FixedSmall"/>.</summary>
    [JsonPropertyName("variance_type")]
    public DdpmVarianceType VarianceType { get; init; }

    /// <summary>Whether a predicted image is clipped to ±<see cref="ClipSampleRange"/>. Default: true.</summary>
    [JsonPropertyName("clip_sample")]
    public bool ClipSample { get; init; } = true;

    /// <summary>The largest value of a predicted image, above 0. Default: 1.</summary>
    [JsonPropertyName("clip_sample_range")]
    public double ClipSampleRange { get; init; } = 1;

    /// <summary>Dynamic thresholding of predicted images (Saharia et al. 2022), in place of clipping. Default: false.</summary>
    [JsonPropertyName("thresholding")]
    public bool Thresholding { get; init; }

    /// <summary>The quantile of dynamic thresholding, 0 to 1. Default: 0.995.</summary>
    [JsonPropertyName("dynamic_thresholding_ratio")]
    public double DynamicThresholdingRatio { get; init; } = 0.995;

    /// <summary>The largest threshold of dynamic thresholding, above 0. Default: 1.</summary>
    [JsonPropertyName("sample_max_value")]
    public double SampleMaxValue { get; init; } = 1;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Defined(VarianceType);
        OptionChecks.Positive(ClipSampleRange);
        OptionChecks.Between(DynamicThresholdingRatio, 0, 1);
        OptionChecks.Positive(SampleMaxValue);
    }
}

/// <summary>
/// Denoising diffusion probabilistic models (Ho, Jain, Abbeel 2020, <see href="https://arxiv.org/abs/2006.11239"/>, algorithm 2): the
/// reverse process with noise in each step but the last. With a learned variance, the predictor's output has twice the sample's channels.
/// </summary>
public sealed class DdpmScheduler : NoiseScheduler
{
    private readonly DdpmSchedulerOptions _options;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DdpmScheduler(DdpmSchedulerOptions? options = null)
        : base(options ??= new DdpmSchedulerOptions())
    {
        _options = options;
    }

    /// <summary>Sets the timesteps to given ones.</summary>
    /// <param name="timesteps">Falling, below <see cref="NoiseScheduler.TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentException">They are not.</exception>
    public void SetTimesteps(IReadOnlyList<int> timesteps)
    {
        CheckTimesteps(timesteps);
        Use([.. timesteps.Select(t => (double)t)]);
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        float alpha = AlphasCumulative[(int)Timesteps[index]];
        Tensor? learned = null;
        if (modelOutput.size(1) == 2 * sample.size(1))
        {
            Tensor[] parts = modelOutput.split([sample.size(1), sample.size(1)], 1);
            (modelOutput, learned) = (parts[0], parts[1]);
        }

        Tensor image = Image(sample, modelOutput, NoiseLevel.OfAlphaCumulative(alpha));
        if (_options.Thresholding)
            image = SampleThreshold.Dynamic(image, _options.DynamicThresholdingRatio, _options.SampleMaxValue);
        else if (_options.ClipSample)
            image = SampleThreshold.Clip(image, _options.ClipSampleRange);

        Posterior posterior = PosteriorOf(index);
        Tensor next = image.Times(posterior.ImageFactor).Plus(sample, posterior.SampleFactor);
        if (TimestepAfter(index) >= 0)
            next = next.Plus(StandardDeviation(posterior, learned) * NoiseOf(noise, sample));
        return new SchedulerStep(next, image);
    }

    /// <summary>The variance of a step of <see cref="DdpmVarianceType.FixedSmall"/> (eq. 7), not below 1e-20.</summary>
    internal float SmallVariance(int timestep) => PosteriorOf(IndexOf(timestep)).SmallVariance;

    internal override bool TakesVariance => _options.VarianceType is DdpmVarianceType.Learned or DdpmVarianceType.LearnedRange;

    internal override bool CanRepeatSteps => true;

    private protected override bool DividesBySignal => PredictionType == PredictionType.Epsilon;

    private protected override double[] Choose(int steps) =>
        TimestepGrid.Whole(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);

    private Posterior PosteriorOf(int index) =>
        Posterior.OfStep(
            AlphasCumulative[(int)Timesteps[index]], TimestepAfter(index) is >= 0 and var previous ? AlphasCumulative[previous] : 1);

    private Tensor StandardDeviation(Posterior posterior, Tensor? learned)
    {
        float small = posterior.SmallVariance, large = posterior.LargeVariance;
        switch (_options.VarianceType)
        {
            case DdpmVarianceType.FixedLarge or DdpmVarianceType.FixedLargeLog:
                return tensor(MathF.Sqrt(large));
            case DdpmVarianceType.Learned when learned is not null:
                return learned.sqrt();
            case DdpmVarianceType.LearnedRange when learned is not null:
                return Posterior.LearnedLogVariance(learned, Logarithm(small, learned), Logarithm(large, learned)).Times(0.5).exp();
            case DdpmVarianceType.Learned or DdpmVarianceType.LearnedRange:
                throw new ArgumentException(
                    $"{nameof(DdpmSchedulerOptions.VarianceType)} is {_options.VarianceType}: the predictor has to output it in "
                    + "as many further channels.");
            default:
                return tensor(MathF.Sqrt(small));
        }

        static Tensor Logarithm(float variance, Tensor like) => tensor(MathF.Log(variance), device: like.device);
    }
}
