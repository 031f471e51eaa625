using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Music;

/// <summary>Measures pieces of music.</summary>
internal static class MusicEvaluator
{
    // Unison, minor and major third, fifth, minor and major sixth.
    private static readonly bool[] _isConsonant = [.. Enumerable.Range(0, 12).Select(interval => interval is 0 or 3 or 4 or 7 or 8 or 9)];

    public static MusicMetrics Evaluate(IHostEnvironment env, IEnumerable<NoteSequence> data, IEnumerable<NoteSequence>? reference)
    {
        NoteSequence[] pieces = [.. Read(data)];
        if (pieces.Length == 0)
            throw new ArgumentException("The data is empty: no piece to evaluate.");
        double? distance = reference is null ? null
            : PitchClassHistogram.Distance(InOneKey(pieces), InOneKey([.. Read(reference)]));
        return new MusicMetrics(pieces.Length, PitchClassHistogram.Of(pieces), Consonance(pieces), VoiceLeading.Of(pieces), distance);

        IEnumerable<NoteSequence> Read(IEnumerable<NoteSequence> rows)
        {
            foreach (NoteSequence piece in rows)
            {
                env.CheckAlive();
                yield return piece;
            }
        }
    }

    /// <summary>The share of consonant intervals.</summary>
    public static double Consonance(IEnumerable<NoteSequence> pieces)
    {
        double consonant = 0, all = 0;
        foreach (NoteSequence piece in pieces)
        {
            foreach ((IReadOnlyList<Note> notes, long ticks) in Chord.Sounding([.. piece.Notes.Where(note => !note.IsDrum)]))
            {
                int[] pitches = [.. notes.Select(note => note.Pitch).Order()];
                double time = (double)ticks / piece.TicksPerQuarter;
                for (int high = 1; high < pitches.Length; high++)
                {
                    for (int low = 0; low < high; low++)
                    {
                        int interval = (pitches[high] - pitches[low]) % 12;
                        all += time;
                        if (_isConsonant[interval] || (interval == 5 && pitches[low] > pitches[0]))
                            consonant += time;
                    }
                }
            }
        }

        return all == 0 ? 0 : consonant / all;
    }

    // Which keys the pieces have is no question of style.
    private static double[] InOneKey(NoteSequence[] pieces)
    {
        double[] sum = new double[12];
        foreach (NoteSequence piece in pieces.Where(piece => piece.Notes.Any(note => !note.IsDrum && note.Duration > 0)))
        {
            double[] own = PitchClassHistogram.Of(piece);
            int tonic = MusicKey.Estimate(piece).Tonic;
            for (int i = 0; i < sum.Length; i++)
                sum[i] += own[(i + tonic) % sum.Length];
        }

        double total = sum.Sum();
        return total == 0 ? sum : [.. sum.Select(share => share / total)];
    }
}
