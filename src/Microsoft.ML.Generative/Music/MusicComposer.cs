using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Music.Tokens;

namespace Microsoft.ML.Generative.Music;

/// <summary>Composes with a language model that was trained on words of music, from left to right.</summary>
/// <remarks>
/// The model is trained with the <see cref="MusicTokens.Tokenizer"/> of <see cref="MusicTokens.PianoRoll"/> or
/// <see cref="MusicTokens.Events"/>, which is saved with it. All methods may be called from several threads.
/// </remarks>
/// <example>
/// <code>
/// var mlContext = new MLContext(seed: 1);
/// var model = (LanguageModelTransformer)mlContext.Model.Load("music.zip", out _);
/// var composer = new MusicComposer(model);
/// NoteSequence piece = composer.Compose(new ComposeOptions { Bars = 8, Tempo = 90, Seed = 7 });
/// NoteSequence longer = composer.Continue(piece, new ComposeOptions { Bars = 16, Seed = 8 });
/// MidiFile.Write("piece.mid", longer);
/// </code>
/// </example>
public sealed class MusicComposer
{
    private const double UsualTempo = 100;

    // Of a piano's keys and the end of the step, each once or twice; a model that never ends a step would go on forever.
    private const int MostWordsOfStep = 256;

    private readonly LanguageModelTransformer _model;

    /// <summary>Makes a composer; the model stays the caller's to dispose of.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="ArgumentException">The model was not trained on words of music.</exception>
    public MusicComposer(LanguageModelTransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        Tokens = MusicTokens.Of(model.Tokenizer);
    }

    /// <summary>The model's words.</summary>
    public MusicTokens Tokens { get; }

    /// <summary>Composes a piece.</summary>
    /// <param name="options">Key, tempo, length and more. Default: a piece that the model ends, in a key that it chooses.</param>
    /// <returns>The piece.</returns>
    /// <exception cref="ArgumentException">An option is out of its range or does not fit the model; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The model has learned so little that it does not go on in time.</exception>
    /// <exception cref="OperationCanceledException">The composition was canceled.</exception>
    public NoteSequence Compose(ComposeOptions? options = null) => Compose(null, options ?? new ComposeOptions());

    /// <summary>Composes what follows a beginning.</summary>
    /// <param name="start">The beginning, with at least one note.</param>
    /// <param name="options">As for <see cref="Compose(ComposeOptions?)"/>; the length counts the beginning.</param>
    /// <returns>The beginning, as the model's words have it, and what follows.</returns>
    /// <exception cref="ArgumentException">
    /// The beginning has no note, one that the words lack, or is as long as the piece is to be; or an option is out of its range.
    /// </exception>
    /// <exception cref="InvalidOperationException">The model has learned so little that it does not go on in time.</exception>
    /// <exception cref="OperationCanceledException">The composition was canceled.</exception>
    public NoteSequence Continue(NoteSequence start, ComposeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(start);
        return start.Notes.Count > 0
            ? Compose(start, options ?? new ComposeOptions())
            : throw new ArgumentException("The beginning has no note to continue.", nameof(start));
    }

    private NoteSequence Compose(NoteSequence? start, ComposeOptions options)
    {
        options.Validate();
        if (options.Key is { } asked && Tokens.HasRelativePitches)
        {
            throw new ArgumentException(
                $"{nameof(options.Key)} is {asked}, but the model's pitches are relative: transpose what it composes.", nameof(options));
        }

        if (start is not null && options.Key is { } key)
            start = start.WithKey(key);
        List<string> words = start is not null ? [.. Tokens.WordsToContinue(start)]
            : options.Key is { } first ? [MusicTokens.WordOf(first)]
            : [];
        int total = (options.Bars ?? options.MaxBars) * options.QuartersPerBar * Tokens.StepsPerQuarter;
        int steps = words.Sum(Tokens.StepsOf);
        if (steps >= total)
        {
            throw new ArgumentException(
                $"The beginning has {steps} steps of {Tokens.StepsPerQuarter} per quarter note; the piece is to have {total}. Raise "
                + $"{nameof(options.Bars)}.", nameof(start));
        }

        AddWords(words, total - steps, options);
        int reference = Tokens.HasRelativePitches && start is not null ? MusicTokens.ReferenceOf(start) : MusicTokens.ReferencePitch;
        NoteSequence piece = Tokens.Decode(string.Join(' ', words), reference);
        double tempo = options.Tempo ?? (start?.Tempos is [.., { } last] ? last.QuartersPerMinute : UsualTempo);
        piece = piece.Slice(0, total * Tokens.TicksPerStep);
        return new NoteSequence(
            piece.TicksPerQuarter, piece.Notes, [new TempoChange(0, NoteChecks.Tempo(tempo))],
            [new MeterChange(0, options.QuartersPerBar, 4)], piece.Keys);
    }

    private void AddWords(List<string> words, int steps, ComposeOptions options)
    {
        int done = 0, sinceStep = 0;
        string rest = "";
        foreach (string text in _model.Stream(string.Concat(words.Select(word => word + MusicVocabulary.WordEnd)), Generation(options)))
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            string[] parts = (rest + text).Split(' ');
            rest = parts[^1];
            foreach (string word in parts[..^1])
            {
                words.Add(word);
                int added = Tokens.StepsOf(word);
                sinceStep = added > 0 ? 0 : sinceStep + 1;
                done += added;
                if (added > 0)
                    options.Progress?.Report(new MusicProgress(Math.Min(done, steps), steps));
                if (done >= steps)
                    return;
                if (sinceStep >= MostWordsOfStep)
                {
                    throw new InvalidOperationException(
                        $"The model wrote {MostWordsOfStep} words without going on in time: it has learned too little of music.");
                }
            }
        }
    }

    private static TextGenerationOptions Generation(ComposeOptions options) => new()
    {
        MaxTokens = OptionChecks.Most,
        Temperature = options.Temperature,
        TopP = options.Temperature == 0 ? 1 : options.TopP,
        Seed = options.Seed,
        // A piece of a given length does not end before.
        LogitBias = Enumerable.Range(0, MusicVocabulary.SpecialTokens)
            .Where(id => options.Bars is not null || id != MusicVocabulary.EndId).ToDictionary(id => id, _ => float.NegativeInfinity),
    };
}
