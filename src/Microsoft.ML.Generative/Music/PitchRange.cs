using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>The pitches that a representation of music has.</summary>
internal static class PitchRange
{
    public static void Check(int lowest, int highest)
    {
        OptionChecks.Between(lowest, 0, NoteSequence.HighestPitch);
        OptionChecks.Between(highest, lowest, NoteSequence.HighestPitch);
    }

    public static void Check(Note note, int lowest, int highest, bool isRelative = false)
    {
        if (note.Pitch < lowest || note.Pitch > highest)
        {
            throw new ArgumentException(
                $"The note at tick {note.Start:N0} has the {(isRelative ? "relative " : "")}pitch {note.Pitch}; expected {lowest} to "
                + $"{highest}. Transpose the piece, or widen the range.");
        }
    }
}
