namespace Microsoft.ML.Generative.Music.Sound;

/// <summary>How an instrument sounds: its harmonics, and its envelope.</summary>
/// <param name="Harmonics">The amplitude of each harmonic, from the fundamental on.</param>
/// <param name="Attack">Seconds to full loudness.</param>
/// <param name="Release">Seconds in which it dies away behind the note.</param>
/// <param name="HalfLife">Seconds in which a struck or plucked tone of 440 Hz loses half of its loudness; 0: it keeps it.</param>
internal sealed record Timbre(double[] Harmonics, double Attack, double Release, double HalfLife)
{
    private static readonly Timbre _piano = new([1, 0.45, 0.3, 0.18, 0.1, 0.06, 0.03], 0.004, 0.15, 0.5);
    private static readonly Timbre _bell = new([1, 0.1, 0.35, 0.05, 0.2], 0.002, 0.4, 0.6);
    private static readonly Timbre _organ = new([1, 0.7, 0.35, 0.4, 0.1, 0.15, 0.05, 0.2], 0.02, 0.06, 0);
    private static readonly Timbre _plucked = new([1, 0.6, 0.4, 0.25, 0.15, 0.08], 0.002, 0.1, 0.3);
    private static readonly Timbre _bass = new([1, 0.5, 0.2, 0.1], 0.006, 0.1, 0.8);
    private static readonly Timbre _strings = new([1, 0.5, 0.33, 0.25, 0.2, 0.16, 0.12, 0.1], 0.09, 0.2, 0);
    private static readonly Timbre _choir = new([1, 0.35, 0.25, 0.08, 0.04], 0.07, 0.22, 0);
    private static readonly Timbre _brass = new([1, 0.8, 0.7, 0.5, 0.3, 0.2, 0.1], 0.04, 0.08, 0);
    private static readonly Timbre _reed = new([1, 0.1, 0.6, 0.08, 0.35, 0.05, 0.15], 0.03, 0.07, 0);
    private static readonly Timbre _pipe = new([1, 0.12, 0.06, 0.02], 0.05, 0.1, 0);

    /// <summary>The timbre of an instrument, by its family in General MIDI.</summary>
    public static Timbre Of(int instrument) => instrument switch
    {
        < 8 => _piano,
        < 16 => _bell,
        < 24 => _organ,
        < 32 => _plucked,
        < 40 => _bass,
        < 52 => _strings,
        < 56 => _choir,
        < 64 => _brass,
        < 72 => _reed,
        < 80 => _pipe,
        < 88 => _reed,
        < 104 => _strings,
        < 112 => _plucked,
        _ => _bell,
    };
}
