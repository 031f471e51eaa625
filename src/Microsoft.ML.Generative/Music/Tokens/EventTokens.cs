using System.Globalization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music.Tokens;

/// <summary>Notes as words, one after the other.</summary>
internal sealed class EventTokens : MusicTokens
{
    private const char Instrument = 'i';
    private const char Velocity = 'v';
    private const char Pitch = 'n';
    private const char Duration = 'd';
    private const char Time = 't';

    private const int Drums = 128;
    private const int MostVelocity = 127;

    // Of one word; longer times are several words. Two bars of four quarters.
    private const int QuartersOfLongest = 8;

    private readonly int _levels;

    public EventTokens(int stepsPerQuarter, int velocityLevels, bool isRelative)
        : base(stepsPerQuarter, isRelative)
    {
        OptionChecks.Between(velocityLevels, 1, MostVelocity);
        _levels = velocityLevels;
    }

    internal override MusicVocabulary Settings => new(
        MusicVocabulary.Events, StepsPerQuarter, 0, NoteSequence.HighestPitch, IsRelative: HasRelativePitches, Levels: _levels);

    private int Longest => QuartersOfLongest * StepsPerQuarter;

    internal override int StepsOf(string word) => word[0] == Time ? NumberOf(word) : 0;

    private protected override IEnumerable<string> Words() =>
    [
        .. Many(Instrument, Enumerable.Range(0, Drums + 1)),
        .. Many(Velocity, Enumerable.Range(0, _levels).Select(VelocityOf)),
        .. Many(Pitch, Enumerable.Range(0, NoteSequence.HighestPitch + 1)),
        .. Many(Duration, Enumerable.Range(1, Longest)),
        .. Many(Time, Enumerable.Range(1, Longest)),
    ];

    private protected override IEnumerable<string> Write(NoteSequence piece)
    {
        int now = 0, instrument = -1, velocity = -1;
        foreach (Note note in piece.Notes.OrderBy(note => Grid.StepsOf(piece, note, StepsPerQuarter).Start)
            .ThenBy(InstrumentOf).ThenByDescending(note => note.Pitch))
        {
            (int start, int end) = Grid.StepsOf(piece, note, StepsPerQuarter);
            foreach (string word in Steps(Time, start - now))
                yield return word;
            now = start;
            if (InstrumentOf(note) != instrument)
                yield return Word(Instrument, instrument = InstrumentOf(note));
            int level = (note.Velocity * _levels - 1) / MostVelocity;
            if (level != velocity)
                yield return Word(Velocity, VelocityOf(velocity = level));
            yield return Word(Pitch, note.Pitch);
            foreach (string word in Steps(Duration, end - start))
                yield return word;
        }
    }

    private protected override IEnumerable<Note> Read(IEnumerable<string> words)
    {
        int now = 0, instrument = 0, velocity = VelocityOf(_levels / 2), pitch = -1, duration = 0;
        List<int> channels = [];
        List<Note> notes = [];
        foreach (string word in words)
        {
            int number = NumberOf(word);
            if (word[0] == Duration)
            {
                duration += number;
                continue;
            }

            EndNote();
            switch (word[0])
            {
                case Instrument:
                    instrument = number;
                    break;
                case Velocity:
                    velocity = number;
                    break;
                case Pitch:
                    pitch = number;
                    break;
                default:
                    now = (int)Math.Min((long)now + number, NoteSequence.MostTicks / TicksPerStep - 1);
                    break;
            }
        }

        EndNote();
        return notes;

        // A note without a duration, or a duration without a note, is none.
        void EndNote()
        {
            if (pitch >= 0 && duration > 0)
            {
                bool isDrum = instrument == Drums;
                long length = Math.Min(duration * TicksPerStep, NoteSequence.MostTicks - now * TicksPerStep);
                notes.Add(new Note(pitch, now * TicksPerStep, length)
                {
                    Velocity = velocity,
                    Instrument = isDrum ? 0 : instrument,
                    Channel = isDrum ? Note.DrumChannel : ChannelOf(instrument),
                });
            }

            (pitch, duration) = (-1, 0);
        }

        // A channel for each instrument, as far as there are channels.
        int ChannelOf(int program)
        {
            int index = channels.IndexOf(program);
            if (index < 0)
            {
                index = channels.Count;
                channels.Add(program);
            }

            int channel = index % 15;
            return channel < Note.DrumChannel ? channel : channel + 1;
        }
    }

    private protected override IEnumerable<string> Silence(int steps) => Steps(Time, steps);

    // The middle of the velocities of a level.
    private int VelocityOf(int level) => (MostVelocity * level / _levels + 1 + MostVelocity * (level + 1) / _levels) / 2;

    private static int InstrumentOf(Note note) => note.IsDrum ? Drums : note.Instrument;

    private IEnumerable<string> Steps(char kind, int steps)
    {
        for (; steps > 0; steps -= Longest)
            yield return Word(kind, Math.Min(steps, Longest));
    }

    private static IEnumerable<string> Many(char kind, IEnumerable<int> numbers) => numbers.Select(number => Word(kind, number));

    private static string Word(char kind, int number) => kind + number.ToString(CultureInfo.InvariantCulture);

    private static int NumberOf(string word) => int.Parse(word.AsSpan(1), CultureInfo.InvariantCulture);
}
