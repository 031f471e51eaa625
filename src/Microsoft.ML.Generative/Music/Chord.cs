namespace Microsoft.ML.Generative.Music;

/// <summary>What sounds at once, from change to change.</summary>
internal static class Chord
{
    /// <summary>The pitch of each voice, its highest where it has several, and how many ticks the chord lasts.</summary>
    public static IEnumerable<(int?[] Pitches, long Ticks)> All(NoteSequence piece)
    {
        Note[] tones = [.. piece.Notes.Where(note => !note.IsDrum && note.Duration > 0)];
        int voices = tones.Length == 0 ? 0 : tones.Max(note => note.Voice) + 1;
        return Sounding(tones).Select(chord =>
        {
            int?[] pitches = new int?[voices];
            foreach (Note note in chord.Notes)
                pitches[note.Voice] = Math.Max(pitches[note.Voice] ?? 0, note.Pitch);
            return (pitches, chord.Ticks);
        });
    }

    /// <summary>The notes that sound between two changes, and how many ticks they do so.</summary>
    public static IEnumerable<(IReadOnlyList<Note> Notes, long Ticks)> Sounding(IReadOnlyList<Note> notes)
    {
        long[] times = [.. notes.SelectMany(note => (long[])[note.Start, note.End]).Distinct().Order()];
        List<Note> sounding = [];
        int next = 0;
        for (int i = 0; i + 1 < times.Length; i++)
        {
            sounding.RemoveAll(note => note.End <= times[i]);
            for (; next < notes.Count && notes[next].Start <= times[i]; next++)
                sounding.Add(notes[next]);
            yield return ([.. sounding], times[i + 1] - times[i]);
        }
    }
}
