namespace Microsoft.ML.Generative.Layers;

/// <summary>How queries and keys are rotated by their position (Su et al., "RoFormer", 2021).</summary>
/// <param name="HeadSize">Values of a head, an even number.</param>
/// <param name="Base">Base of the frequencies, above 1.</param>
/// <param name="Scaling">How frequencies are stretched; <see langword="null"/>: not at all.</param>
/// <param name="IsInterleaved">Whether values 2i and 2i + 1 are paired, as in the paper, rather than i and i + headSize / 2.</param>
internal sealed record RotaryShape(int HeadSize, double Base, RotaryScaling? Scaling, bool IsInterleaved)
{
    /// <summary>Radians from a position to the next, for each pair of a head's values.</summary>
    public double[] Frequencies() => [.. Enumerable.Range(0, HeadSize / 2).Select(i => Scale(Math.Pow(Base, -2.0 * i / HeadSize)))];

    private double Scale(double frequency)
    {
        if (Scaling is not { } scaling)
            return frequency;
        if (scaling.Kind == RotaryScalingKind.Linear)
            return frequency / scaling.Factor;

        double turns = scaling.OriginalContextLength * frequency / (2 * Math.PI);
        double kept = (turns - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return double.Lerp(frequency / scaling.Factor, frequency, Math.Clamp(kept, 0, 1));
    }
}
