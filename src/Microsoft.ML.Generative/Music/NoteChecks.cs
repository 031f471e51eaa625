using System.Numerics;

namespace Microsoft.ML.Generative.Music;

/// <summary>Checks what pieces are made of.</summary>
internal static class NoteChecks
{
    private const double SlowestTempo = 4;
    private const double FastestTempo = 1000;

    public static void Check(Note note, int index)
    {
        ArgumentNullException.ThrowIfNull(note);
        InRange(note.Pitch, 0, NoteSequence.HighestPitch, $"Pitch of note {index}");
        InRange(note.Velocity, 1, 127, $"Velocity of note {index}");
        InRange(note.Instrument, 0, 127, $"Instrument of note {index}");
        InRange(note.Channel, 0, 15, $"Channel of note {index}");
        InRange(note.Voice, 0, NoteSequence.MostVoices - 1, $"Voice of note {index}");
        InRange(note.Start, 0, NoteSequence.MostTicks, $"Start of note {index}");
        InRange(note.Duration, 0, NoteSequence.MostTicks - note.Start, $"Duration of note {index}");
    }

    public static void Check(MeterChange meter)
    {
        InRange(meter.Numerator, 1, byte.MaxValue, "Numerator of a meter");
        InRange(meter.Denominator, 1, 1 << MeterChange.MostExponent, "Denominator of a meter");
        if (!BitOperations.IsPow2(meter.Denominator))
            throw new ArgumentException($"Denominator of a meter is {meter.Denominator}; expected a power of two.");
    }

    /// <summary>Changes in the order of their ticks; of several of one tick the last counts.</summary>
    public static T[] Changes<T>(IReadOnlyList<T>? changes, Func<T, long> tickOf, Action<T> check)
    {
        foreach (T change in changes ?? [])
        {
            ArgumentNullException.ThrowIfNull(change);
            InRange(tickOf(change), 0, NoteSequence.MostTicks, $"Tick of a {typeof(T).Name}");
            check(change);
        }

        return [.. (changes ?? []).GroupBy(tickOf).OrderBy(group => group.Key).Select(group => group.Last())];
    }

    public static int Tempo(double quartersPerMinute)
    {
        if (!(quartersPerMinute >= SlowestTempo && quartersPerMinute <= FastestTempo))
        {
            throw new ArgumentOutOfRangeException(
                nameof(quartersPerMinute), quartersPerMinute,
                $"The tempo is {quartersPerMinute} quarter notes per minute; expected {SlowestTempo} to {FastestTempo}.");
        }

        return (int)Math.Round(TempoChange.MicrosecondsPerMinute / quartersPerMinute);
    }

    public static T InRange<T>(T value, T lowest, T highest, string name)
        where T : INumber<T> => value >= lowest && value <= highest
            ? value
            : throw new ArgumentException($"{name} is {value}; expected {lowest} to {highest}.");
}
