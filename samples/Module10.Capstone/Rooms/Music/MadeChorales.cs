using Microsoft.ML.Generative.Music;

namespace Module10.Rooms.Music;

/// <summary>Endless chorales from a small grammar of chords and the rules of their voices: training data where there is no file.</summary>
internal static class MadeChorales
{
    private const int Phrases = 4;
    private const int ChordsOfPhrase = 8;
    private const int Ticks = 480;
    private const int Octave = 12;
    private const int Fifth = 7;

    // Degrees of a scale, from 0, and those that may follow.
    private static readonly int[][] _next = [[1, 3, 4, 5], [4], [5, 3], [4, 0, 1], [0, 5], [1, 3], [0]];
    private static readonly int[] _thirds = [0, 2, 4];
    private static readonly int[] _major = [0, 2, 4, 5, 7, 9, 11], _minor = [0, 2, 3, 5, 7, 8, 11];

    // The lowest and highest pitches of soprano, alto, tenor and bass.
    private static readonly (int Low, int High)[] _ranges = [(62, 79), (57, 72), (50, 67), (40, 60)];

    /// <summary>Pieces; the same seed gives the same.</summary>
    public static IReadOnlyList<NoteSequence> Write(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Piece(random))];
    }

    private static NoteSequence Piece(Random random)
    {
        var key = new MusicKey(random.Next(Octave), random.Next(3) == 0);
        int[] voices = [70, 65, 58, 48];
        bool isFirst = true;
        List<Note> notes = [];
        for (int phrase = 0; phrase < Phrases; phrase++)
        {
            int degree = 0;
            for (int chord = 0; chord < ChordsOfPhrase; chord++)
            {
                // A phrase ends on the dominant and the tonic.
                degree = chord switch
                {
                    0 or ChordsOfPhrase - 1 => 0,
                    ChordsOfPhrase - 2 => 4,
                    _ => _next[degree][random.Next(_next[degree].Length)],
                };
                voices = Choose(random, key, degree, voices, isFirst);
                isFirst = false;
                for (int voice = 0; voice < voices.Length; voice++)
                    notes.Add(new Note(voices[voice], (phrase * ChordsOfPhrase + chord) * Ticks, Ticks) { Voice = voice });
            }
        }

        return new NoteSequence(Ticks, notes);
    }

    // The whole chord in voices that do not cross, with the root in the bass; one of those to which the voices have the shortest ways.
    private static int[] Choose(Random random, MusicKey key, int degree, int[] before, bool isFirst)
    {
        int[] scale = key.IsMinor ? _minor : _major;
        int[] chord = [.. _thirds.Select(third => (key.Tonic + scale[(degree + third) % scale.Length]) % Octave)];
        int[][] found = [.. from soprano in Pitches(0, chord)
                            from alto in Pitches(1, chord)
                            where alto <= soprano
                            from tenor in Pitches(2, chord)
                            where tenor <= alto
                            from bass in Pitches(3, chord[..1])
                            where bass <= tenor
                            let voices = new[] { soprano, alto, tenor, bass }
                            where voices.Select(pitch => pitch % Octave).Distinct().Count() == chord.Length
                            orderby (isFirst ? 0 : 100 * Parallels(before, voices)) + Way(before, voices)
                            select voices];
        // Among the nearest three, as long as they have no more parallels than the nearest.
        int[][] best = [.. found.Take(3).Where(voices => isFirst || Parallels(before, voices) == Parallels(before, found[0]))];
        return best[random.Next(best.Length)];
    }

    private static IEnumerable<int> Pitches(int voice, int[] classes) => Enumerable
        .Range(_ranges[voice].Low, _ranges[voice].High - _ranges[voice].Low + 1).Where(pitch => classes.Contains(pitch % Octave));

    // A melody that stands still is dull.
    private static int Way(int[] before, int[] after) =>
        before.Zip(after, (from, to) => Math.Abs(from - to)).Sum() + (before[0] == after[0] ? 4 : 0);

    private static int Parallels(int[] before, int[] after)
    {
        int count = 0;
        for (int upper = 0; upper < before.Length; upper++)
        {
            for (int lower = upper + 1; lower < before.Length; lower++)
            {
                int interval = (after[upper] - after[lower]) % Octave;
                if (before[upper] != after[upper] && before[lower] != after[lower] && interval is 0 or Fifth
                    && interval == (before[upper] - before[lower]) % Octave)
                    count++;
            }
        }

        return count;
    }
}
