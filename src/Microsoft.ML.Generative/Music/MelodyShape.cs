namespace Microsoft.ML.Generative.Music;

/// <summary>The beginning of a melody, whatever its key and rhythm.</summary>
internal static class MelodyShape
{
    private const int Intervals = 12;

    /// <summary>The first intervals of the highest voice as a text.</summary>
    public static string Of(NoteSequence piece)
    {
        List<int> melody = [];
        // Not the notes' starts: a melody that goes to a pitch of another voice has no start of its own in files without voices.
        foreach ((IReadOnlyList<Note> notes, _) in Chord.Sounding([.. piece.Notes.Where(note => !note.IsDrum && note.Duration > 0)]))
        {
            if (notes.Count == 0)
                continue;
            int highest = notes.Max(note => note.Pitch);
            if (melody.Count == 0 || melody[^1] != highest)
                melody.Add(highest);
            if (melody.Count > Intervals)
                break;
        }

        return string.Join(' ', melody.Zip(melody.Skip(1), (a, b) => b - a));
    }
}
