using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>How a <see cref="MusicComposer"/> composes.</summary>
/// <example>
/// <code>
/// var options = new ComposeOptions { Key = MusicKey.Parse("G"), Bars = 8, Tempo = 90, Temperature = 0.9, Seed = 7 };
/// </code>
/// </example>
public sealed class ComposeOptions
{
    private const int MostBars = 1024;

    /// <summary>
    /// The key, for models that were trained on pieces with keys. Default: none, the model's choice; of a continuation, the key of its
    /// beginning.
    /// </summary>
    public MusicKey? Key { get; set; }

    /// <summary>Quarter notes per minute, 4 to 1,000. Default: 100; of a continuation, the tempo of its beginning.</summary>
    public double? Tempo { get; set; }

    /// <summary>The length in bars, 1 to 1,024, with the beginning. Default: none, the model ends the piece.</summary>
    public int? Bars { get; set; }

    /// <summary>Bars after which a piece that the model does not end is cut, 1 to 1,024. Default: 64.</summary>
    public int MaxBars { get; set; } = 64;

    /// <summary>Quarter notes of a bar, 1 to 16. Default: 4.</summary>
    public int QuartersPerBar { get; set; } = 4;

    /// <summary>
    /// As of texts, 0.000001 to 100: below 1 more usual music, above 1 bolder. 0: always the most probable token. Default: 1.
    /// </summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// Only the most probable tokens that together have this probability are sampled, above 0, at most 1. Default: 0.98, without the most
    /// improbable ones.
    /// </summary>
    public double TopP { get; set; } = 0.98;

    /// <summary>The same seed gives the same music. Default: the context's seed, else a new one.</summary>
    public int? Seed { get; set; }

    /// <summary>Receives a report after each step of the music, on the thread that composes. Default: nobody.</summary>
    public IProgress<MusicProgress>? Progress { get; set; }

    /// <summary>Stops the composition between two tokens.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.Between(Bars, 1, MostBars);
        OptionChecks.Between(MaxBars, 1, MostBars);
        OptionChecks.Between(QuartersPerBar, 1, 16);
        if (Tempo is { } tempo)
            NoteChecks.Tempo(tempo);
    }
}
