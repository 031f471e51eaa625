using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Music;

/// <summary>A tempo that holds from a tick on.</summary>
/// <param name="Tick">From when, at least 0.</param>
/// <param name="MicrosecondsPerQuarter">Microseconds of a quarter note, 1 to 16,777,215, as MIDI files have it.</param>
public sealed record TempoChange(long Tick, int MicrosecondsPerQuarter)
{
    internal const int Default = 500_000;
    internal const int Most = 0xFF_FFFF;
    internal const double MicrosecondsPerMinute = 60e6;

    /// <summary>Quarter notes per minute.</summary>
    [JsonIgnore]
    public double QuartersPerMinute => MicrosecondsPerMinute / MicrosecondsPerQuarter;
}
