namespace Microsoft.ML.Generative.Music;

/// <summary>What pieces of music are like.</summary>
public sealed class MusicMetrics
{
    internal MusicMetrics(int pieces, double[] pitchClasses, double consonance, VoiceLeading voiceLeading, double? distance)
    {
        (Pieces, PitchClasses, Consonance) = (pieces, pitchClasses, consonance);
        (VoiceLeading, PitchClassDistance) = (voiceLeading, distance);
    }

    /// <summary>Pieces evaluated.</summary>
    public int Pieces { get; }

    /// <summary>The share of the time of all tones that each pitch class has, from C to B.</summary>
    public IReadOnlyList<double> PitchClasses { get; }

    /// <summary>
    /// The share of intervals between notes that sound at once, by time, that are consonant: unison, thirds, fifth, sixths and octave; and
    /// the fourth, where a third note is below both. 0 without intervals.
    /// </summary>
    public double Consonance { get; }

    /// <summary>Faults of voice leading, where voices are apart.</summary>
    public VoiceLeading VoiceLeading { get; }

    /// <summary>
    /// The total variation distance of the pitch classes to those of the reference, each piece in its own key, 0 to 1: lower is nearer.
    /// <see langword="null"/> without a reference.
    /// </summary>
    public double? PitchClassDistance { get; }
}
