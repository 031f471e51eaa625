using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>How a <see cref="MusicHarmonizer"/> composes.</summary>
public sealed class HarmonizeOptions
{
    private const double LowestTemperature = 0.01;

    /// <summary>Voices that stay as they are, 0 (soprano) to 3 (bass). Default: 0, a melody to harmonize.</summary>
    public IReadOnlyList<int> GivenVoices { get; set; } = [0];

    /// <summary>
    /// How often parts of the music are composed again, at least 1: more passes fit the voices better to each other. Default: 48.
    /// </summary>
    public int Passes { get; set; } = 48;

    /// <summary>Below 1 more usual music, above 1 bolder, 0.01 to 100. Default: 0.6.</summary>
    public double Temperature { get; set; } = 0.6;

    /// <summary>
    /// How much the rules of voice leading count beside the model, 0 (not at all) to 100: each parallel fifth or octave, and each crossing,
    /// that a note would make with the notes around it divides the note's probability by e to this power. Default: 4, which leaves one in
    /// fifty: so much fewer parallels has Bach than a small model.
    /// </summary>
    public double VoiceLeadingWeight { get; set; } = 4;

    /// <summary>Quarter notes per minute, 4 to 1,000. Default: those of the piece that is given, else 80.</summary>
    public double? Tempo { get; set; }

    /// <summary>Quarter notes of a bar, 1 to 16. Default: 4.</summary>
    public int QuartersPerBar { get; set; } = 4;

    /// <summary>The same seed gives the same music. Default: the context's seed, else a new one.</summary>
    public int? Seed { get; set; }

    /// <summary>Receives a report after each pass, on the thread that composes. Default: nobody.</summary>
    public IProgress<MusicProgress>? Progress { get; set; }

    /// <summary>Stops the composition between two passes.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.AtLeast(Passes, 1);
        OptionChecks.Between(Temperature, LowestTemperature, 100);
        OptionChecks.Between(VoiceLeadingWeight, 0, 100);
        OptionChecks.Between(QuartersPerBar, 1, 16);
        if (Tempo is { } tempo)
            NoteChecks.Tempo(tempo);
        ArgumentNullException.ThrowIfNull(GivenVoices);
        if (GivenVoices.FirstOrDefault(voice => voice is < 0 or > 3) is not 0 and int other)
            throw new ArgumentException($"{nameof(GivenVoices)} has the voice {other}; expected 0 to 3.", nameof(GivenVoices));
    }
}
