using Microsoft.ML.Generative.Music;
using Microsoft.ML.Generative.Music.Columns;

namespace Microsoft.ML.Generative;

/// <summary>From columns of music to pieces, and more pieces of them to train on.</summary>
public static class MusicDataViewExtensions
{
    /// <summary>Reads the pieces of a column.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="columnName">The column.</param>
    /// <returns>The pieces, read one at a time.</returns>
    /// <exception cref="ArgumentException">The column is missing or holds no music.</exception>
    public static IEnumerable<NoteSequence> ReadMusic(this IDataView data, string columnName = MusicRow.ColumnName) =>
        MusicInput.Read(data, columnName);

    /// <summary>Each piece in several keys, so that a model does not learn the keys of few pieces.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="lowest">The lowest transposition in semitones.</param>
    /// <param name="highest">The highest transposition in semitones.</param>
    /// <param name="lowestPitch">Transpositions with a lower pitch are left out.</param>
    /// <param name="highestPitch">Transpositions with a higher pitch are left out.</param>
    /// <returns>The pieces in all these keys, one after the other.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="highest"/> is below <paramref name="lowest"/>.</exception>
    public static IEnumerable<NoteSequence> InKeys(
        this IEnumerable<NoteSequence> pieces, int lowest = -5, int highest = 6, int lowestPitch = 21, int highestPitch = 108)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        ArgumentOutOfRangeException.ThrowIfLessThan(highest, lowest);
        return Keys();

        IEnumerable<NoteSequence> Keys()
        {
            foreach (NoteSequence piece in pieces)
            {
                int[] pitches = [.. piece.Notes.Where(note => !note.IsDrum).Select(note => note.Pitch)];
                (int low, int high) = pitches.Length == 0 ? (lowestPitch, highestPitch) : (pitches.Min(), pitches.Max());
                for (int shift = lowest; shift <= highest; shift++)
                {
                    if (low + shift >= lowestPitch && high + shift <= highestPitch)
                        yield return piece.Transpose(shift);
                }
            }
        }
    }

    /// <summary>Cuts pieces into parts of one length, such as two bars.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="quarters">Quarter notes of a part, at least 1.</param>
    /// <param name="hop">Quarter notes from one part to the next, at least 1. Default: <paramref name="quarters"/>.</param>
    /// <returns>The parts with at least one note; a shorter rest at the end of a piece is left out.</returns>
    public static IEnumerable<NoteSequence> InParts(this IEnumerable<NoteSequence> pieces, int quarters, int? hop = null)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        ArgumentOutOfRangeException.ThrowIfLessThan(quarters, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hop ?? 1, 1);
        return pieces.SelectMany(Parts);

        IEnumerable<NoteSequence> Parts(NoteSequence piece)
        {
            long ticks = (long)quarters * piece.TicksPerQuarter;
            for (long start = 0; start + ticks <= piece.EndTick; start += (long)(hop ?? quarters) * piece.TicksPerQuarter)
            {
                NoteSequence part = piece.Slice(start, start + ticks);
                if (part.Notes.Count > 0)
                    yield return part;
            }
        }
    }
}
