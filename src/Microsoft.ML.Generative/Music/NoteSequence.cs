using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Music;

/// <summary>
/// A piece of music: its notes with tempo, meter and key. It never changes, compares by value, and goes to JSON and back.
/// </summary>
/// <remarks>
/// Times are ticks, of which <see cref="TicksPerQuarter"/> are a quarter note. Notes are in the order of their starts, then of their
/// pitches from the highest down.
/// </remarks>
/// <example>
/// <code>
/// // Four quarter notes, and back from JSON.
/// Note[] notes = [new(60, 0, 480), new(64, 480, 480), new(67, 960, 480), new(72, 1440, 480)];
/// var piece = new NoteSequence(ticksPerQuarter: 480, notes, [new TempoChange(0, 600_000)]);
/// string json = System.Text.Json.JsonSerializer.Serialize(piece);
/// NoteSequence again = System.Text.Json.JsonSerializer.Deserialize&lt;NoteSequence&gt;(json)!;
/// Console.WriteLine(again.Equals(piece));   // True
/// </code>
/// </example>
public sealed class NoteSequence : IEquatable<NoteSequence>
{
    internal const int MostTicksPerQuarter = 0x7FFF;
    internal const long MostTicks = 0x0FFF_FFFF;
    internal const int MostNotes = 1 << 20;
    internal const int MostVoices = 256;
    internal const int HighestPitch = 127;
    internal const int UsualTicksPerQuarter = 480;

    /// <summary>Makes a piece.</summary>
    /// <param name="ticksPerQuarter">Ticks of a quarter note, 1 to 32,767.</param>
    /// <param name="notes">The notes, in any order; at most 1,048,576, which end at tick 268,435,455 or before.</param>
    /// <param name="tempos">Tempos. Default: none, 120 quarter notes per minute.</param>
    /// <param name="meters">Meters. Default: none, 4/4.</param>
    /// <param name="keys">Keys. Default: none, unknown.</param>
    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    [JsonConstructor]
    public NoteSequence(
        int ticksPerQuarter, IReadOnlyList<Note> notes, IReadOnlyList<TempoChange>? tempos = null,
        IReadOnlyList<MeterChange>? meters = null, IReadOnlyList<KeyChange>? keys = null)
    {
        ArgumentNullException.ThrowIfNull(notes);
        TicksPerQuarter = NoteChecks.InRange(ticksPerQuarter, 1, MostTicksPerQuarter, "TicksPerQuarter");
        NoteChecks.InRange(notes.Count, 0, MostNotes, "The number of notes");
        for (int i = 0; i < notes.Count; i++)
            NoteChecks.Check(notes[i], i);
        Notes = [.. notes.OrderBy(note => note.Start).ThenByDescending(note => note.Pitch).ThenBy(note => note.Duration)
            .ThenBy(note => note.Voice).ThenBy(note => note.Channel).ThenBy(note => note.Velocity).ThenBy(note => note.Instrument)];
        Tempos = NoteChecks.Changes(tempos, tempo => tempo.Tick, tempo =>
            NoteChecks.InRange(tempo.MicrosecondsPerQuarter, 1, TempoChange.Most, "MicrosecondsPerQuarter of a tempo"));
        Meters = NoteChecks.Changes(meters, meter => meter.Tick, NoteChecks.Check);
        Keys = NoteChecks.Changes(keys, key => key.Tick, key => NoteChecks.InRange(key.Key.Tonic, 0, 11, "Tonic of a key"));
    }

    /// <summary>Ticks of a quarter note.</summary>
    public int TicksPerQuarter { get; }

    /// <summary>The notes.</summary>
    public IReadOnlyList<Note> Notes { get; }

    /// <summary>The tempos, in the order of their ticks, at most one per tick.</summary>
    public IReadOnlyList<TempoChange> Tempos { get; }

    /// <summary>The meters, in the order of their ticks, at most one per tick.</summary>
    public IReadOnlyList<MeterChange> Meters { get; }

    /// <summary>The keys, in the order of their ticks, at most one per tick.</summary>
    public IReadOnlyList<KeyChange> Keys { get; }

    /// <summary>The tick at which the last note ends; 0 without notes.</summary>
    [JsonIgnore]
    public long EndTick => Notes.Count == 0 ? 0 : Notes.Max(note => note.End);

    /// <summary>How long it sounds in its tempos.</summary>
    [JsonIgnore]
    public TimeSpan Length => TimeAt(EndTick);

    /// <summary>The time of a tick in the piece's tempos.</summary>
    /// <param name="tick">The tick, at least 0.</param>
    public TimeSpan TimeAt(long tick)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tick);
        double microseconds = 0;
        (long since, int tempo) = (0, TempoChange.Default);
        foreach (TempoChange change in Tempos.TakeWhile(change => change.Tick < tick))
        {
            microseconds += (double)(change.Tick - since) * tempo / TicksPerQuarter;
            (since, tempo) = (change.Tick, change.MicrosecondsPerQuarter);
        }

        return TimeSpan.FromMicroseconds(microseconds + (double)(tick - since) * tempo / TicksPerQuarter);
    }

    /// <summary>The piece some semitones higher, with its keys; drums stay.</summary>
    /// <param name="semitones">Semitones; below 0 lower.</param>
    /// <returns>The piece.</returns>
    /// <exception cref="ArgumentException">A note would be below 0 or above 127.</exception>
    public NoteSequence Transpose(int semitones) => With(
        [.. Notes.Select(note => note.IsDrum ? note : note with { Pitch = note.Pitch + semitones })],
        keys: [.. Keys.Select(key => key with { Key = key.Key.Transpose(semitones) })]);

    /// <summary>A part of the piece: what sounds from a tick to another, cut where it reaches beyond.</summary>
    /// <param name="start">The first tick, which becomes 0.</param>
    /// <param name="end">The tick behind the last.</param>
    /// <returns>The part, with the tempo, the meter and the key that hold at its start.</returns>
    public NoteSequence Slice(long start, long end)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfLessThan(end, start);
        return new NoteSequence(
            TicksPerQuarter,
            [.. Notes.Where(note => note.Start < end && note.End > start).Select(note => note with
            {
                Start = Math.Max(note.Start, start) - start,
                Duration = Math.Min(note.End, end) - Math.Max(note.Start, start),
            })],
            Cut(Tempos, tempo => tempo.Tick, (tempo, tick) => tempo with { Tick = tick }),
            Cut(Meters, meter => meter.Tick, (meter, tick) => meter with { Tick = tick }),
            Cut(Keys, key => key.Tick, (key, tick) => key with { Tick = tick }));

        T[] Cut<T>(IReadOnlyList<T> changes, Func<T, long> tickOf, Func<T, long, T> at) =>
        [
            .. changes.Where(change => tickOf(change) <= start).TakeLast(1).Select(change => at(change, 0)),
            .. changes.Where(change => tickOf(change) > start && tickOf(change) < end).Select(change => at(change, tickOf(change) - start)),
        ];
    }

    /// <summary>The piece in one tempo.</summary>
    /// <param name="quartersPerMinute">Quarter notes per minute, 4 to 1,000.</param>
    /// <returns>The piece.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tempo is out of its range.</exception>
    public NoteSequence WithTempo(double quartersPerMinute) => new(
        TicksPerQuarter, Notes, [new TempoChange(0, NoteChecks.Tempo(quartersPerMinute))], Meters, Keys);

    /// <summary>The piece in one key, with its notes as they are.</summary>
    /// <param name="key">The key.</param>
    /// <returns>The piece.</returns>
    public NoteSequence WithKey(MusicKey key) => With(Notes, [new KeyChange(0, key)]);

    /// <summary>The notes of one voice.</summary>
    /// <param name="voice">The voice.</param>
    /// <returns>The piece with these notes alone.</returns>
    public NoteSequence OfVoice(int voice) => With([.. Notes.Where(note => note.Voice == voice)]);

    /// <inheritdoc/>
    public bool Equals(NoteSequence? other) => other is not null && TicksPerQuarter == other.TicksPerQuarter
        && Notes.SequenceEqual(other.Notes) && Tempos.SequenceEqual(other.Tempos) && Meters.SequenceEqual(other.Meters)
        && Keys.SequenceEqual(other.Keys);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NoteSequence);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(TicksPerQuarter, Notes.Count, EndTick, Notes.Count > 0 ? Notes[0] : null);

    /// <summary>The number of notes and the length.</summary>
    public override string ToString() => $"{Notes.Count} notes, {Length:m\\:ss}";

    internal NoteSequence With(IReadOnlyList<Note> notes, IReadOnlyList<KeyChange>? keys = null) =>
        new(TicksPerQuarter, notes, Tempos, Meters, keys ?? Keys);
}
