using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>
/// Pre-training of an encoder–decoder on texts alone (Raffel et al. 2020, section 3.1.4): spans of tokens are replaced by a sentinel each,
/// and the target is what they were.
/// </summary>
public sealed class SpanCorruptionOptions
{
    /// <summary>The part of the tokens that is replaced, above 0 and below 1. Default: 0.15.</summary>
    public double Density { get; set; } = 0.15;

    /// <summary>Tokens of a span on average, at least 1. Default: 3.</summary>
    public double MeanSpanLength { get; set; } = 3;

    internal SpanCorruptionOptions Copy() => (SpanCorruptionOptions)MemberwiseClone();

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    internal void Validate()
    {
        OptionChecks.Positive(Density);
        OptionChecks.Below(Density, 1);
        OptionChecks.AtLeast(MeanSpanLength, 1);
    }
}
