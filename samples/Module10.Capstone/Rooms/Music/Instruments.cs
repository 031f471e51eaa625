using Microsoft.ML.Generative.Music;

namespace Module10.Rooms.Music;

/// <summary>What a piece can be played on, with the numbers of General MIDI.</summary>
internal static class Instruments
{
    public static readonly (string Name, int Number)[] All = [("piano", 0), ("organ", 19), ("strings", 48), ("choir", 52)];

    /// <summary>The piece on an instrument.</summary>
    public static NoteSequence Play(NoteSequence piece, string name)
    {
        int number = All.First(instrument => instrument.Name == name).Number;
        return new NoteSequence(
            piece.TicksPerQuarter, [.. piece.Notes.Select(note => note with { Instrument = number })], piece.Tempos, piece.Meters,
            piece.Keys);
    }
}
