using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>A major or minor key.</summary>
/// <param name="Tonic">The pitch class of its first degree, 0 (C) to 11 (B).</param>
/// <param name="IsMinor">Whether it is minor.</param>
public readonly record struct MusicKey(int Tonic, bool IsMinor)
{
    private const int PitchClasses = 12;

    private static readonly string[] _names = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

    // Krumhansl, Kessler 1982: how well each pitch class fits a key, from its tonic on.
    private static readonly double[] _majorProfile = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88];
    private static readonly double[] _minorProfile = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17];

    /// <summary>All 24 keys: the major ones from C on, then the minor ones.</summary>
    public static IReadOnlyList<MusicKey> All { get; } =
        [.. Enumerable.Range(0, 2 * PitchClasses).Select(i => new MusicKey(i % PitchClasses, i >= PitchClasses))];

    /// <summary>The key of a signature.</summary>
    /// <param name="sharps">Sharps, −7 to 7; below 0 flats.</param>
    /// <param name="isMinor">Whether it is minor.</param>
    internal static MusicKey OfSignature(int sharps, bool isMinor) => new(Modulo(7 * sharps + (isMinor ? 9 : 0)), isMinor);

    /// <summary>The sharps of its signature, −5 to 6; below 0 flats.</summary>
    internal int Sharps
    {
        get
        {
            int sharps = Modulo(7 * (Tonic - (IsMinor ? 9 : 0)));
            return sharps > 6 ? sharps - PitchClasses : sharps;
        }
    }

    /// <summary>
    /// The semitones, −6 to 5, by which music in this key is transposed on the shortest way to C major or A minor, the keys without sharps
    /// and flats. A model that meets all music there has a twelfth to learn of what one of all keys has.
    /// </summary>
    public int SemitonesToNatural
    {
        get
        {
            int major = Modulo(Tonic + (IsMinor ? 3 : 0));
            return major <= PitchClasses / 2 ? -major : PitchClasses - major;
        }
    }

    /// <summary>Reads a key, such as <c>C</c>, <c>F# minor</c>, <c>Bbm</c> or <c>Eb major</c>.</summary>
    /// <param name="text">The name.</param>
    /// <returns>The key.</returns>
    /// <exception cref="FormatException">It is no key.</exception>
    public static MusicKey Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string name = text.Trim();
        if (name.Length > 0 && "CDEFGAB".IndexOf(char.ToUpperInvariant(name[0])) is >= 0 and int letter)
        {
            int tonic = ((int[])[0, 2, 4, 5, 7, 9, 11])[letter];
            string rest = name[1..];
            if (rest.Length > 0 && rest[0] is '#' or '♯')
                (tonic, rest) = (tonic + 1, rest[1..]);
            else if (rest.Length > 0 && rest[0] is 'b' or '♭')
                (tonic, rest) = (tonic - 1, rest[1..]);
            switch (rest.Trim())
            {
                case "" or "M" or "maj" or "major":
                    return new MusicKey(Modulo(tonic), false);
                case "m" or "min" or "minor":
                    return new MusicKey(Modulo(tonic), true);
            }
        }

        throw new FormatException($"{Quoted.Text(text)} is no key; expected a name such as 'C', 'F# minor' or 'Bb major'.");
    }

    /// <summary>The most probable key of a piece, by the correlation of its pitch classes with the profiles of keys.</summary>
    /// <param name="piece">The piece, with at least one tone.</param>
    /// <returns>The key.</returns>
    /// <exception cref="ArgumentException">The piece has no tone.</exception>
    /// <remarks>Krumhansl, "Cognitive foundations of musical pitch", 1990.</remarks>
    public static MusicKey Estimate(NoteSequence piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        double[] histogram = PitchClassHistogram.Of(piece);
        if (histogram.Sum() == 0)
            throw new ArgumentException("The piece has no tone, and therefore no key.", nameof(piece));
        return All.MaxBy(key => key.Correlation(histogram));
    }

    /// <summary>The key some semitones higher.</summary>
    /// <param name="semitones">Semitones; below 0 lower.</param>
    public MusicKey Transpose(int semitones) => this with { Tonic = Modulo(Tonic + Modulo(semitones)) };

    /// <summary>Its name, such as <c>F# minor</c>.</summary>
    public override string ToString() => $"{_names[Tonic]} {(IsMinor ? "minor" : "major")}";

    private double Correlation(double[] histogram)
    {
        double[] profile = IsMinor ? _minorProfile : _majorProfile;
        (double meanX, double meanY) = (histogram.Average(), profile.Average());
        double xy = 0, xx = 0, yy = 0;
        for (int i = 0; i < PitchClasses; i++)
        {
            (double x, double y) = (histogram[(Tonic + i) % PitchClasses] - meanX, profile[i] - meanY);
            (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
        }

        return xx == 0 ? 0 : xy / Math.Sqrt(xx * yy);
    }

    private static int Modulo(int value) => (value % PitchClasses + PitchClasses) % PitchClasses;
}
