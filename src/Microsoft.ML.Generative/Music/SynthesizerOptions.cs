using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>How a <see cref="Synthesizer"/> sounds.</summary>
public sealed class SynthesizerOptions
{
    private const int LowestRate = 8_000;
    private const int HighestRate = 96_000;

    /// <summary>Samples per second and channel, 8,000 to 96,000. Default: 44,100.</summary>
    public int SampleRate { get; set; } = 44_100;

    /// <summary>The part of the sound that the reverberation has, 0 to 1. Default: 0.2, a room.</summary>
    public double Reverb { get; set; } = 0.2;

    /// <summary>Cents by which all tones are higher, −1,200 to 1,200: 0 is an A of 440 Hz. Default: 0.</summary>
    public double Tuning { get; set; }

    /// <summary>Stops the rendering between two notes.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.Between(SampleRate, LowestRate, HighestRate);
        OptionChecks.Between(Reverb, 0, 1);
        OptionChecks.Between(Tuning, -1200, 1200);
    }
}
