namespace Microsoft.ML.Generative.Music;

/// <summary>A meter that holds from a tick on.</summary>
/// <param name="Tick">From when, at least 0.</param>
/// <param name="Numerator">Beats of a bar, 1 to 255.</param>
/// <param name="Denominator">The note that is a beat: a power of two from 1 to 64, such as 4 for a quarter.</param>
public sealed record MeterChange(long Tick, int Numerator, int Denominator)
{
    internal const int MostExponent = 6;
}
