namespace Microsoft.ML.Generative.Music;

/// <summary>The beginning of a melody, whatever its key and rhythm.</summary>
internal static class MelodyShape
{
    private const int Intervals = 12;

    /// <summary>The first intervals of the highest voice as a text.</summary>
    public static string Of(NoteSequence piece)
    {
        List<int> melody = [];
        long end = 0;
        foreach (IGrouping<long, Note> chord in piece.Notes.Where(note => !note.IsDrum).GroupBy(note => note.Start))
        {
            // A chord below a note of the melody that still sounds is no part of it.
            Note highest = chord.MaxBy(note => note.Pitch)!;
            if (melody.Count > 0 && highest.Start < end && highest.Pitch < melody[^1])
                continue;
            end = highest.End;
            if (melody.Count == 0 || melody[^1] != highest.Pitch)
                melody.Add(highest.Pitch);
            if (melody.Count > Intervals)
                break;
        }

        return string.Join(' ', melody.Zip(melody.Skip(1), (a, b) => b - a));
    }
}
