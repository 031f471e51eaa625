using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="DdimScheduler"/>.</summary>
public sealed record DdimSchedulerOptions : NoiseSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public DdimSchedulerOptions()
        : base(TimestepSpacing.Leading)
    {
    }

    /// <summary>Whether a predicted image is clipped to ±<see cref="ClipSampleRange"/>. Default: true.</summary>
    [JsonPropertyName("clip_sample")]
    public bool ClipSample { get; init; } = true;

    /// <summary>The largest value of a predicted image, above 0. Default: 1.</summary>
    [JsonPropertyName("clip_sample_range")]
    public double ClipSampleRange { get; init; } = 1;

    /// <summary>Whether the last step goes to an image without noise, and not to that of the first timestep. Default: true.</summary>
    [JsonPropertyName("set_alpha_to_one")]
    public bool SetAlphaToOne { get; init; } = true;

    /// <summary>Dynamic thresholding of predicted images (Saharia et al. 2022), in place of clipping. Default: false.</summary>
    [JsonPropertyName("thresholding")]
    public bool Thresholding { get; init; }

    /// <summary>The quantile of dynamic thresholding, 0 to 1. Default: 0.995.</summary>
    [JsonPropertyName("dynamic_thresholding_ratio")]
    public double DynamicThresholdingRatio { get; init; } = 0.995;

    /// <summary>The largest threshold of dynamic thresholding, above 0. Default: 1.</summary>
    [JsonPropertyName("sample_max_value")]
    public double SampleMaxValue { get; init; } = 1;

    /// <summary>
    /// η: how much noise a step adds, at least 0; 0 is none, 1 as much as <see cref="DdpmScheduler"/> (eq. 16). Default: 0.
    /// </summary>
    [JsonIgnore]
    public double Eta { get; init; }

    /// <summary>Whether the noise is computed again from the image after clipping. Default: false.</summary>
    [JsonIgnore]
    public bool UseClippedModelOutput { get; init; }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Positive(ClipSampleRange);
        OptionChecks.Between(DynamicThresholdingRatio, 0, 1);
        OptionChecks.Positive(SampleMaxValue);
        OptionChecks.AtLeast(Eta, 0);
    }
}

/// <summary>
/// Denoising diffusion implicit models (Song, Meng, Ermon 2020, <see href="https://arxiv.org/abs/2010.02502"/>, eq. 12 and 16):
/// deterministic unless <see cref="DdimSchedulerOptions.Eta"/> is above 0.
/// </summary>
public sealed class DdimScheduler : NoiseScheduler
{
    private readonly DdimSchedulerOptions _options;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DdimScheduler(DdimSchedulerOptions? options = null)
        : base(options ??= new DdimSchedulerOptions())
    {
        _options = options;
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        CheckTimestepsAreSet();
        int t = (int)Timesteps[index], previous = TimestepAfter(index);
        float alpha = AlphasCumulative[t];
        float alphaPrevious = previous >= 0 ? AlphasCumulative[previous] : _options.SetAlphaToOne ? 1 : AlphasCumulative[0];
        NoiseLevel level = NoiseLevel.OfAlphaCumulative(alpha);

        Tensor image = Image(sample, modelOutput, level), epsilon = Epsilon(sample, modelOutput, level);
        if (_options.Thresholding)
            image = SampleThreshold.Dynamic(image, _options.DynamicThresholdingRatio, _options.SampleMaxValue);
        else if (_options.ClipSample)
            image = SampleThreshold.Clip(image, _options.ClipSampleRange);
        if (_options.UseClippedModelOutput)
            epsilon = level.On(sample.device).Epsilon(sample, image, PredictionType.Sample);

        float sigma = (float)_options.Eta * MathF.Sqrt(Variance(alpha, alphaPrevious));
        // Where the step adds all of the noise, rounding may leave less than nothing of the direction.
        Tensor direction = epsilon.Times(MathF.Sqrt(MathF.Max(1 - alphaPrevious - sigma * sigma, 0)));
        Tensor next = image.Times(MathF.Sqrt(alphaPrevious)).Plus(direction);
        if (_options.Eta > 0)
            next = next.Plus(NoiseOf(noise, sample), sigma);
        return new SchedulerStep(next, image);
    }

    /// <summary>One with <see cref="DdimSchedulerOptions.UseClippedModelOutput"/>, at its beginning.</summary>
    internal DdimScheduler WithNoiseOfClipped() => new(_options with { UseClippedModelOutput = true });

    /// <summary>σ² of a step with η = 1 (eq. 16).</summary>
    internal float Variance(int timestep, int previous) => Variance(AlphasCumulative[timestep], AlphasCumulative[previous]);

    private static float Variance(float alpha, float alphaPrevious) => (float)Posterior.OfStep(alpha, alphaPrevious).Variance;

    internal override bool CanRepeatSteps => true;

    private protected override bool DividesBySignal => PredictionType == PredictionType.Epsilon;

    private protected override double[] Choose(int steps) =>
        TimestepGrid.Whole(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);
}
