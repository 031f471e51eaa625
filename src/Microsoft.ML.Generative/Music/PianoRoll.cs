using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Music.Tokens;

namespace Microsoft.ML.Generative.Music;

/// <summary>
/// Music as an image of values 0 and 1, for models of images: a row for each pitch, the highest first, a column for each step, and a plane
/// of what sounds, with a second one of what begins where repeated notes are to stay apart.
/// </summary>
/// <example>
/// <code>
/// var roll = new PianoRoll { Lowest = 48, Highest = 79, Steps = 32 };
/// float[] image = roll.Encode(MidiFile.Read("song.mid"));
/// NoteSequence again = roll.Decode(image);
/// </code>
/// </example>
public sealed record PianoRoll
{
    private const int MostSteps = 4096;
    private const double Threshold = 0.5;

    /// <summary>The lowest pitch, 0 to 127. Default: 36.</summary>
    public int Lowest { get; init; } = 36;

    /// <summary>The highest pitch, 0 to 127. Default: 83: four octaves from the lowest on.</summary>
    public int Highest { get; init; } = 83;

    /// <summary>Steps of an image, 1 to 4,096; what comes behind them is left out. Default: 32.</summary>
    public int Steps { get; init; } = 32;

    /// <summary>Steps of a quarter note, 1 to 96. Default: 4, sixteenth notes.</summary>
    public int StepsPerQuarter { get; init; } = 4;

    /// <summary>Whether there is a second plane, of what begins. Default: false; repeated notes become one.</summary>
    public bool MarksStarts { get; init; }

    /// <summary>
    /// Whether there is one pitch at a time, the highest, and a decoded step is its most probable pitch or silence. Default: false.
    /// </summary>
    public bool IsMelody { get; init; }

    /// <summary>Rows of an image.</summary>
    public int Pitches => Highest - Lowest + 1;

    /// <summary>Planes of an image, 1 or 2.</summary>
    public int Channels => MarksStarts ? 2 : 1;

    /// <summary>Values of an image.</summary>
    public int Size => Channels * Pitches * Steps;

    /// <summary>Makes the image of a piece's beginning. Pitches out of the range are left out.</summary>
    /// <param name="piece">The piece.</param>
    /// <returns><see cref="Size"/> values, plane by plane, row by row.</returns>
    public float[] Encode(NoteSequence piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        Validate();
        float[] image = new float[Size];
        // Of a melody, the last note to be written is the highest.
        foreach (Note note in piece.Notes.Where(note => !note.IsDrum && note.Pitch >= Lowest && note.Pitch <= Highest)
            .OrderBy(note => note.Pitch))
        {
            (int start, int end) = Grid.StepsOf(piece, note, StepsPerQuarter);
            for (int step = start; step < Math.Min(end, Steps); step++)
            {
                if (IsMelody)
                {
                    for (int pitch = Lowest; pitch < note.Pitch; pitch++)
                    {
                        image[Place(0, pitch, step)] = 0;
                        if (MarksStarts)
                            image[Place(1, pitch, step)] = 0;
                    }
                }

                image[Place(0, note.Pitch, step)] = 1;
                if (MarksStarts && step == start)
                    image[Place(1, note.Pitch, step)] = 1;
            }
        }

        return image;
    }

    /// <summary>Reads an image: a pitch sounds where its value is above a half.</summary>
    /// <param name="image"><see cref="Size"/> values.</param>
    /// <returns>The piece.</returns>
    /// <exception cref="ArgumentException">The image has another size.</exception>
    public NoteSequence Decode(ReadOnlySpan<float> image)
    {
        Validate();
        if (image.Length != Size)
            throw new ArgumentException($"The image has {image.Length} values; expected {Channels} × {Pitches} × {Steps}.", nameof(image));
        int ticksPerQuarter = NoteSequence.UsualTicksPerQuarter % StepsPerQuarter == 0
            ? NoteSequence.UsualTicksPerQuarter : StepsPerQuarter * (NoteSequence.UsualTicksPerQuarter / StepsPerQuarter + 1);
        long ticks = ticksPerQuarter / StepsPerQuarter;
        List<Note> notes = [];
        for (int pitch = Lowest; pitch <= Highest; pitch++)
        {
            int since = -1;
            for (int step = 0; step <= Steps; step++)
            {
                bool sounds = step < Steps && Sounds(image, pitch, step);
                bool begins = sounds && MarksStarts && image[Place(1, pitch, step)] > Threshold;
                if (since >= 0 && (!sounds || begins))
                {
                    notes.Add(new Note(pitch, since * ticks, (step - since) * ticks));
                    since = -1;
                }

                if (sounds && since < 0)
                    since = step;
            }
        }

        return new NoteSequence(ticksPerQuarter, notes);
    }

    internal void Validate()
    {
        PitchRange.Check(Lowest, Highest);
        OptionChecks.Between(Steps, 1, MostSteps);
        OptionChecks.Between(StepsPerQuarter, 1, 96);
    }

    private bool Sounds(ReadOnlySpan<float> image, int pitch, int step)
    {
        if (!IsMelody)
            return image[Place(0, pitch, step)] > Threshold;
        (double sum, int best) = (0, Lowest);
        for (int other = Lowest; other <= Highest; other++)
        {
            float value = image[Place(0, other, step)];
            sum += value;
            if (value > image[Place(0, best, step)])
                best = other;
        }

        return best == pitch && sum > Threshold;
    }

    private int Place(int channel, int pitch, int step) => (channel * Pitches + Highest - pitch) * Steps + step;
}
