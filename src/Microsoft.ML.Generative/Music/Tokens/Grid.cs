namespace Microsoft.ML.Generative.Music.Tokens;

/// <summary>Rounds times to steps.</summary>
internal static class Grid
{
    public static int StepOf(NoteSequence piece, long tick, int stepsPerQuarter) =>
        (int)((2 * tick * stepsPerQuarter + piece.TicksPerQuarter) / (2L * piece.TicksPerQuarter));

    /// <summary>The steps of a note: its first and the one behind its last. Each note has at least one.</summary>
    public static (int Start, int End) StepsOf(NoteSequence piece, Note note, int stepsPerQuarter)
    {
        int start = StepOf(piece, note.Start, stepsPerQuarter);
        return (start, Math.Max(start + 1, StepOf(piece, note.End, stepsPerQuarter)));
    }
}
