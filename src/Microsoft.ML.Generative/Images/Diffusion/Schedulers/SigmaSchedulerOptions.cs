using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>What the options of samplers have in common whose steps can be spaced by the noise itself.</summary>
public abstract record SigmaSchedulerOptions : NoiseSchedulerOptions
{
    private protected SigmaSchedulerOptions()
        : base(TimestepSpacing.Linspace)
    {
    }

    /// <summary>Steps that are short where there is little noise (Karras et al. 2022, eq. 5), in place of even ones. Default: false.</summary>
    [JsonPropertyName("use_karras_sigmas")]
    public bool UseKarrasSigmas { get; init; }

    /// <summary>Steps that are even in the logarithm of the noise. Default: false.</summary>
    [JsonPropertyName("use_exponential_sigmas")]
    public bool UseExponentialSigmas { get; init; }

    internal bool HasOwnSigmas => UseKarrasSigmas || UseExponentialSigmas;

    internal override void Validate()
    {
        base.Validate();
        if (UseKarrasSigmas && UseExponentialSigmas)
            throw new ArgumentException($"{nameof(UseKarrasSigmas)} and {nameof(UseExponentialSigmas)} are both set; expected one of them.", nameof(UseKarrasSigmas));
    }
}
