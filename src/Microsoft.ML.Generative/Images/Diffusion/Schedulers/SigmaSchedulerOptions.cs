using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>The settings of samplers whose steps can be spaced by the noise itself.</summary>
/// <inheritdoc cref="NoiseSchedulerOptions" path="/remarks"/>
public abstract record SigmaSchedulerOptions : NoiseSchedulerOptions
{
    private protected SigmaSchedulerOptions()
        : base(TimestepSpacing.Linspace)
    {
    }

    /// <summary>Whether steps are shorter where there is less noise (Karras et al. 2022, eq. 5). Default: false, they are even.</summary>
    [JsonPropertyName("use_karras_sigmas")]
    public bool UseKarrasSigmas { get; init; }

    /// <summary>Whether steps are even in the logarithm of the noise. Default: false.</summary>
    [JsonPropertyName("use_exponential_sigmas")]
    public bool UseExponentialSigmas { get; init; }

    internal bool HasOwnSigmas => UseKarrasSigmas || UseExponentialSigmas;

    internal override void Validate()
    {
        base.Validate();
        if (UseKarrasSigmas && UseExponentialSigmas)
            throw new ArgumentException(
                $"{nameof(UseKarrasSigmas)} and {nameof(UseExponentialSigmas)} are both "
                + "set; expected one of them.", nameof(UseKarrasSigmas));
    }
}
