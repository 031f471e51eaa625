using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>How the variances β of a diffusion process develop from the first to the last timestep.</summary>
public enum NoiseScheduleKind
{
    /// <summary>In a straight line (Ho et al. 2020, section 4).</summary>
    [JsonStringEnumMemberName("linear")]
    Linear,

    /// <summary>Their square roots in a straight line (Rombach et al. 2021).</summary>
    [JsonStringEnumMemberName("scaled_linear")]
    ScaledLinear,

    /// <summary>By a cosine, regardless of start and end (Nichol, Dhariwal 2021, eq. 17): less noise early.</summary>
    [JsonStringEnumMemberName("squaredcos_cap_v2")]
    Cosine,

    /// <summary>By a logistic function from −6 to 6 (Xu et al. 2022).</summary>
    [JsonStringEnumMemberName("sigmoid")]
    Sigmoid,
}

/// <summary>What a network predicts from a noisy image.</summary>
public enum PredictionType
{
    /// <summary>The noise ε (Ho et al. 2020).</summary>
    [JsonStringEnumMemberName("epsilon")]
    Epsilon,

    /// <summary>The image x₀.</summary>
    [JsonStringEnumMemberName("sample")]
    Sample,

    /// <summary>The velocity v = √ᾱ ε − √(1 − ᾱ) x₀ (Salimans, Ho 2022).</summary>
    [JsonStringEnumMemberName("v_prediction")]
    Velocity,
}

/// <summary>Which of the training's timesteps a sampler takes (Lin et al. 2023, table 2).</summary>
public enum TimestepSpacing
{
    /// <summary>Evenly, from 0; the last timestep is not taken.</summary>
    [JsonStringEnumMemberName("leading")]
    Leading,

    /// <summary>Evenly, ending with the last timestep.</summary>
    [JsonStringEnumMemberName("trailing")]
    Trailing,

    /// <summary>Evenly, with both the first and the last.</summary>
    [JsonStringEnumMemberName("linspace")]
    Linspace,
}

/// <summary>The variances of a diffusion process, with diffusers' names and defaults.</summary>
public sealed record NoiseScheduleOptions
{
    /// <summary>Timesteps, 1 to 1,000,000. Default: 1,000.</summary>
    [JsonPropertyName("num_train_timesteps")]
    public int TrainTimesteps { get; init; } = 1000;

    /// <summary>β of the first timestep, above 0, below 1. Default: 0.0001.</summary>
    [JsonPropertyName("beta_start")]
    public double BetaStart { get; init; } = 1e-4;

    /// <summary>β of the last timestep, above 0, below 1. Default: 0.02.</summary>
    [JsonPropertyName("beta_end")]
    public double BetaEnd { get; init; } = 0.02;

    /// <summary>How β develops from one to the other. Default: <see cref="NoiseScheduleKind.Linear"/>.</summary>
    [JsonPropertyName("beta_schedule")]
    public NoiseScheduleKind BetaSchedule { get; init; } = NoiseScheduleKind.Linear;

    /// <summary>
    /// All β one by one, above 0 and at most 1, in place of a schedule; as many as <see cref="TrainTimesteps"/>. Default: none.
    /// </summary>
    [JsonPropertyName("trained_betas")]
    public IReadOnlyList<float>? TrainedBetas { get; init; }

    /// <summary>
    /// Whether β are rescaled so that nothing of the image is left at the last timestep (Lin et al. 2023, algorithm 1). Default: false.
    /// </summary>
    [JsonPropertyName("rescale_betas_zero_snr")]
    public bool RescaleBetasZeroSnr { get; init; }

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    internal void Validate()
    {
        OptionChecks.Between(TrainTimesteps, 1, 1_000_000);
        OptionChecks.Defined(BetaSchedule);
        OptionChecks.Positive(BetaStart);
        OptionChecks.Below(BetaStart, 1);
        OptionChecks.Positive(BetaEnd);
        OptionChecks.Below(BetaEnd, 1);
        if (RescaleBetasZeroSnr && TrainTimesteps == 1)
            throw new ArgumentException(
                $"{nameof(RescaleBetasZeroSnr)} is set, and there is 1 timestep; expected at least 2, one with "
                + "an image and one without.", nameof(RescaleBetasZeroSnr));
        if (TrainedBetas is { } betas)
        {
            if (betas.Count != TrainTimesteps)
                throw new ArgumentException(
                    $"{nameof(TrainedBetas)} has {betas.Count} values; expected {TrainTimesteps}, "
                    + $"{nameof(TrainTimesteps)}.", nameof(TrainedBetas));
            if (betas.Any(beta => !(beta > 0 && beta <= 1)))
                throw new ArgumentException(
                    $"{nameof(TrainedBetas)} has the value {betas.First(beta => !(beta > 0 && beta <= 1))}; "
                    + "expected above 0, at most 1.", nameof(TrainedBetas));
        }
    }
}
