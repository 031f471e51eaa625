using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>The settings that all samplers have, with diffusers' names.</summary>
/// <remarks>
/// Public since C# asks the base of a public record to be public, and so that these settings are documented once; no other options can be
/// derived from it.
/// </remarks>
public abstract record NoiseSchedulerOptions
{
    private protected NoiseSchedulerOptions(TimestepSpacing spacing)
    {
        TimestepSpacing = spacing;
    }

    /// <summary>The noise schedule that the predictor was trained with.</summary>
    [JsonIgnore]
    public NoiseScheduleOptions Schedule { get; init; } = new();

    /// <summary>What the predictor predicts. Default: <see cref="PredictionType.Epsilon"/>.</summary>
    [JsonPropertyName("prediction_type")]
    public PredictionType PredictionType { get; init; } = PredictionType.Epsilon;

    /// <summary>
    /// Which of the training's timesteps are taken. Default: <see cref="TimestepSpacing.Leading"/> in
    /// <see cref="DdimSchedulerOptions"/>, <see cref="DdimInverseSchedulerOptions"/>, <see cref="DdpmSchedulerOptions"/> and
    /// <see cref="PndmSchedulerOptions"/>; <see cref="TimestepSpacing.Linspace"/> in all others.
    /// </summary>
    [JsonPropertyName("timestep_spacing")]
    public TimestepSpacing TimestepSpacing { get; init; }

    /// <summary>Added to the timesteps of <see cref="TimestepSpacing.Leading"/>, at least 0. Default: 0.</summary>
    [JsonPropertyName("steps_offset")]
    public int StepsOffset { get; init; }

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    internal virtual void Validate()
    {
        ArgumentNullException.ThrowIfNull(Schedule);
        Schedule.Validate();
        OptionChecks.Defined(PredictionType);
        OptionChecks.Defined(TimestepSpacing);
        OptionChecks.AtLeast(StepsOffset, 0);
    }
}
