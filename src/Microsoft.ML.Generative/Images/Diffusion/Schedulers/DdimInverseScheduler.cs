using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="DdimInverseScheduler"/>.</summary>
public sealed record DdimInverseSchedulerOptions : NoiseSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public DdimInverseSchedulerOptions()
        : base(TimestepSpacing.Leading)
    {
    }

    /// <summary>Whether a predicted image is clipped to ±<see cref="ClipSampleRange"/>. Default: true.</summary>
    [JsonPropertyName("clip_sample")]
    public bool ClipSample { get; init; } = true;

    /// <summary>The largest value of a predicted image, above 0. Default: 1.</summary>
    [JsonPropertyName("clip_sample_range")]
    public double ClipSampleRange { get; init; } = 1;

    /// <summary>
    /// Whether the first step comes from an image without noise, and not from that of the first timestep. Default: true.
    /// </summary>
    [JsonPropertyName("set_alpha_to_one")]
    public bool SetAlphaToOne { get; init; } = true;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Positive(ClipSampleRange);
        if (TimestepSpacing == TimestepSpacing.Linspace)
            throw new ArgumentException(
                $"{nameof(TimestepSpacing)} is {TimestepSpacing}; expected {TimestepSpacing.Leading} or "
                + $"{TimestepSpacing.Trailing}.", nameof(TimestepSpacing));
    }
}

/// <summary>
/// The inverse of <see cref="DdimScheduler"/>: from an image to the noise that it would be generated from (Song et al. 2020, section 4.3).
/// Its timesteps rise.
/// </summary>
public sealed class DdimInverseScheduler : NoiseScheduler
{
    private readonly DdimInverseSchedulerOptions _options;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DdimInverseScheduler(DdimInverseSchedulerOptions? options = null)
        : base(options ??= new DdimInverseSchedulerOptions())
    {
        _options = options;
    }

    /// <summary>One step towards the noise.</summary>
    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        CheckTimestepsAreSet();
        float alpha = index > 0 ? AlphasCumulative[(int)Timesteps[index - 1]] : _options.SetAlphaToOne ? 1 : AlphasCumulative[0];
        float alphaNext = AlphasCumulative[(int)Timesteps[index]];
        NoiseLevel level = NoiseLevel.OfAlphaCumulative(alpha);

        Tensor image = Image(sample, modelOutput, level), epsilon = Epsilon(sample, modelOutput, level);
        if (_options.ClipSample)
            image = SampleThreshold.Clip(image, _options.ClipSampleRange);
        return new SchedulerStep(image.Times(MathF.Sqrt(alphaNext)).Plus(epsilon, MathF.Sqrt(1 - alphaNext)), image);
    }

    internal override bool CanRepeatSteps => true;

    private protected override double[] Choose(int steps) =>
        [.. TimestepGrid.Whole(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset).Reverse()];
}
