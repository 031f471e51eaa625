using Microsoft.ML.Generative.Music;
using Module10.Http;

namespace Module10.Rooms.Music;

/// <summary>What a visitor asks of the models of music.</summary>
internal sealed record MusicRequest
{
    public const int MostNotes = 64;

    private const int Ticks = 480;
    private const int MostBars = 32;
    private const int LongestNote = 8;

    /// <summary>The name of a key; empty: the model's choice.</summary>
    public string Key { get; init; } = "";

    public double Tempo { get; init; } = 90;

    /// <summary>Bars of four quarter notes, with the beginning.</summary>
    public int Bars { get; init; } = 8;

    public double Temperature { get; init; } = 0.9;

    public int Seed { get; init; } = 1;

    /// <summary>Whether three voices are added to a melody that is composed.</summary>
    public bool HasFourVoices { get; init; }

    public string Instrument { get; init; } = Instruments.All[0].Name;

    /// <summary>The visitor's melody.</summary>
    public IReadOnlyList<VisitorNote> Notes { get; init; } = [];

    /// <exception cref="VisitorException">A value is out of its range.</exception>
    public void Validate()
    {
        Check(Tempo is >= 40 and <= 200, $"The tempo is {Tempo}; expected 40 to 200.");
        Check(Bars is >= 1 and <= MostBars, $"The number of bars is {Bars}; expected 1 to {MostBars}.");
        Check(Temperature is >= 0.1 and <= 2, $"The temperature is {Temperature}; expected 0.1 to 2.");
        Check(Seed >= 0, "A seed is a whole number from 0.");
        Check(Instruments.All.Any(instrument => instrument.Name == Instrument),
            $"There is no such instrument; expected one of {string.Join(", ", Instruments.All.Select(instrument => instrument.Name))}.");
        Check(Notes.Count <= MostNotes, $"The melody has {Notes.Count} notes; expected at most {MostNotes}.");
        foreach (VisitorNote note in Notes)
        {
            Check(note.Pitch is null or (>= MelodyModel.Lowest and <= MelodyModel.Highest),
                $"The melody has the pitch {note.Pitch}; expected {MelodyModel.Lowest} to {MelodyModel.Highest}.");
            Check(note.Quarters is >= 0.5 and <= LongestNote && note.Quarters % 0.5 == 0,
                $"A note lasts {note.Quarters} quarter notes; expected eighths, 0.5 to {LongestNote}.");
        }

        try
        {
            _ = MusicKey();
        }
        catch (FormatException e)
        {
            throw new VisitorException(400, e.Message);
        }
    }

    public MusicKey? MusicKey() => Key.Length == 0 ? null : Microsoft.ML.Generative.Music.MusicKey.Parse(Key);

    /// <summary>The visitor's melody as a piece.</summary>
    /// <exception cref="VisitorException">It has no note.</exception>
    public NoteSequence Melody()
    {
        List<Note> notes = [];
        double quarters = 0;
        foreach (VisitorNote note in Notes)
        {
            if (note.Pitch is { } pitch)
                notes.Add(new Note(pitch, (long)(quarters * Ticks), (long)(note.Quarters * Ticks)));
            quarters += note.Quarters;
        }

        Check(notes.Count > 0, "The melody has no note: play some on the keyboard.");
        return new NoteSequence(Ticks, notes).WithTempo(Tempo);
    }

    /// <summary>The visitor's melody as the beginning of a piece, in the key that was asked for, or that it seems to have.</summary>
    /// <exception cref="VisitorException">It has no note, or fills the piece.</exception>
    public NoteSequence Beginning()
    {
        NoteSequence melody = Melody();
        Check(melody.EndTick < 4L * Ticks * Bars,
            $"The melody lasts {melody.EndTick / (double)Ticks} quarter notes, and the piece is to have {4 * Bars}: raise the bars.");
        return melody.WithKey(MusicKey() ?? Microsoft.ML.Generative.Music.MusicKey.Estimate(melody));
    }

    private static void Check(bool condition, string message)
    {
        if (!condition)
            throw new VisitorException(400, message);
    }
}
