using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Music;

/// <summary>One note of a <see cref="NoteSequence"/>. It goes to JSON and back as it is.</summary>
/// <param name="Pitch">The key, 0 to 127: 60 is middle C, 69 the A of 440 Hz.</param>
/// <param name="Start">The tick at which it begins, at least 0.</param>
/// <param name="Duration">Ticks that it sounds, at least 0.</param>
public sealed record Note(int Pitch, long Start, long Duration)
{
    internal const int DrumChannel = 9;

    /// <summary>How hard it is played, 1 to 127. Default: 80.</summary>
    public int Velocity { get; init; } = 80;

    /// <summary>The instrument, 0 to 127 as General MIDI counts them. Default: 0, the piano.</summary>
    public int Instrument { get; init; }

    /// <summary>The MIDI channel, 0 to 15; on channel 9 pitches are drums. Default: 0.</summary>
    public int Channel { get; init; }

    /// <summary>The voice or track, from 0 for the highest voice of a choir. Default: 0.</summary>
    public int Voice { get; init; }

    /// <summary>The tick at which it ends.</summary>
    [JsonIgnore]
    public long End => Start + Duration;

    /// <summary>Whether its pitch is a drum and not a tone.</summary>
    [JsonIgnore]
    public bool IsDrum => Channel == DrumChannel;
}
