using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Music.Tokens;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Music;

/// <summary>
/// Composes for four voices with a masked language model: it harmonizes a melody, adds voices to others, or composes all. Parts of the
/// music are masked and composed again, fewer from pass to pass, each fitted to what is before, behind, above and below it.
/// </summary>
/// <remarks>
/// <para>
/// The model is trained with the <see cref="MusicTokens.Tokenizer"/> of <see cref="MusicTokens.Voices"/>, which is saved with it, and with
/// <see cref="MaskingKind.OrderAgnostic"/> as its <see cref="MaskedLanguageModelOptions.Masking"/>. All methods may be called from
/// several threads.
/// </para>
/// <para>
/// Blocked Gibbs sampling with annealed masking: Yao et al. 2014; for counterpoint: Huang, Cooijmans, Roberts, Courville, Eck,
/// "Counterpoint by convolution" (Coconet), 2017; the grid of voices: Hadjeres, Pachet, Nielsen, "DeepBach", 2017.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// var mlContext = new MLContext(seed: 1);
/// var model = (MaskedLanguageModelTransformer)mlContext.Model.Load("chorales.zip", out _);
/// var harmonizer = new MusicHarmonizer(model);
/// NoteSequence chorale = harmonizer.Harmonize(MidiFile.Read("melody.mid"), new HarmonizeOptions { Seed = 7 });
/// </code>
/// </example>
public sealed class MusicHarmonizer
{
    private const double UsualTempo = 80;
    private const int MostBars = 1024;

    // Coconet's schedule: what is masked falls from all to little over the first three quarters of the passes.
    private const double FirstPart = 1;
    private const double LastPart = 0.05;
    private const double AnnealedPasses = 0.75;

    private readonly MaskedLanguageModelTransformer _model;
    private readonly VoiceTokens _tokens;
    private readonly int[][] _ids;

    /// <summary>Makes a harmonizer; the model stays the caller's to dispose of.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="ArgumentException">The model was not trained on voices.</exception>
    public MusicHarmonizer(MaskedLanguageModelTransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _tokens = MusicTokens.Of(model.Tokenizer) as VoiceTokens ?? throw new ArgumentException(
            $"The model's words are not those of {nameof(MusicTokens)}.{nameof(MusicTokens.Voices)}.", nameof(model));
        if (model.Codec.MostInside < VoiceTokens.VoiceCount)
            throw new ArgumentException($"The model sees {model.Codec.MostInside} words at once; expected 4 or more.", nameof(model));
        _ids = _tokens.IdsOfVoices;
    }

    /// <summary>The model's words.</summary>
    public MusicTokens Tokens => _tokens;

    /// <summary>Composes the other voices to those of a piece.</summary>
    /// <param name="piece">The piece; the notes of <see cref="HarmonizeOptions.GivenVoices"/> count, of which there has to be one.</param>
    /// <param name="options">Voices, temperature and more. Default: a soprano, to which alto, tenor and bass are composed.</param>
    /// <returns>The given notes as they are, with the other voices.</returns>
    /// <exception cref="ArgumentException">
    /// There is no given note, or one that the words lack; or an option is out of its range.
    /// </exception>
    /// <exception cref="OperationCanceledException">The composition was canceled.</exception>
    public NoteSequence Harmonize(NoteSequence piece, HarmonizeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(piece);
        options ??= new HarmonizeOptions();
        options.Validate();
        NoteSequence given = piece.With([.. piece.Notes.Where(note => options.GivenVoices.Contains(note.Voice))]);
        if (given.Notes.Count == 0)
        {
            throw new ArgumentException(
                $"The piece has no note of the voices {string.Join(", ", options.GivenVoices)}, which {nameof(options.GivenVoices)} says "
                + "to keep.", nameof(piece));
        }

        string[] grid = _tokens.GridOf(given);
        NoteSequence composed = Compose(grid, voice => options.GivenVoices.Contains(voice), options);
        IEnumerable<Note> added = composed.Notes.Where(note => !options.GivenVoices.Contains(note.Voice)).Select(note => note with
        {
            Start = note.Start * piece.TicksPerQuarter / composed.TicksPerQuarter,
            Duration = note.End * piece.TicksPerQuarter / composed.TicksPerQuarter
                - note.Start * piece.TicksPerQuarter / composed.TicksPerQuarter,
            Instrument = given.Notes[0].Instrument,
        });
        NoteSequence all = given.With([.. given.Notes, .. added]);
        return options.Tempo is { } tempo ? all.WithTempo(tempo) : all;
    }

    /// <summary>Composes all four voices.</summary>
    /// <param name="bars">The length in bars, 1 to 1,024.</param>
    /// <param name="options">Temperature, tempo and more; <see cref="HarmonizeOptions.GivenVoices"/> is ignored.</param>
    /// <returns>The piece.</returns>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="OperationCanceledException">The composition was canceled.</exception>
    public NoteSequence Compose(int bars, HarmonizeOptions? options = null)
    {
        OptionChecks.Between(bars, 1, MostBars);
        options ??= new HarmonizeOptions();
        options.Validate();
        string[] silence = _tokens.GridOf(
            new NoteSequence(NoteSequence.UsualTicksPerQuarter, []), bars * options.QuartersPerBar * _tokens.StepsPerQuarter);
        NoteSequence piece = Compose(silence, _ => false, options);
        return new NoteSequence(
            piece.TicksPerQuarter, piece.Notes, [new TempoChange(0, NoteChecks.Tempo(options.Tempo ?? UsualTempo))],
            [new MeterChange(0, options.QuartersPerBar, 4)]);
    }

    private NoteSequence Compose(string[] grid, Func<int, bool> isGiven, HarmonizeOptions options)
    {
        int[] cells = [.. grid.Select(word => _tokens.Tokenizer.IdOf(word + MusicVocabulary.WordEnd)!.Value)];
        int[] open = [.. Enumerable.Range(0, cells.Length).Where(cell => !isGiven(cell % VoiceTokens.VoiceCount))];
        var random = new RowRandom(SeedSequence.Choose(_model.Host, options.Seed), 0);
        if (open.Length > 0)
        {
            for (int pass = 0; pass < options.Passes; pass++)
            {
                options.CancellationToken.ThrowIfCancellationRequested();
                _model.Host.CheckAlive();
                double part = options.Passes == 1 ? FirstPart : Math.Max(
                    LastPart, FirstPart - (FirstPart - LastPart) * pass / (AnnealedPasses * options.Passes));
                HashSet<int> masked = [];
                foreach (int cell in open)
                {
                    if (part >= 1 || random.NextDouble() < part)
                        masked.Add(cell);
                }

                ComposeMasked(cells, masked, options, ref random);
                options.Progress?.Report(new MusicProgress(pass + 1, options.Passes));
            }
        }

        return _tokens.Decode(string.Join(' ', cells.Select(cell => _tokens.Tokenizer.TokenOf(cell)!.TrimEnd())));
    }

    // The model sees a window at once; the windows begin elsewhere in each pass, so that no seam stays.
    private void ComposeMasked(int[] cells, HashSet<int> masked, HarmonizeOptions options, ref RowRandom random)
    {
        int bar = options.QuartersPerBar * _tokens.StepsPerQuarter * VoiceTokens.VoiceCount;
        int window = _model.Codec.MostInside / VoiceTokens.VoiceCount * VoiceTokens.VoiceCount;
        int first = cells.Length <= window ? window
            : window > bar ? window - random.Next(window / bar) * bar
            : window;
        List<(int Start, int End)> windows = [];
        for (int start = 0, length = first; start < cells.Length; (start, length) = (start + length, window))
            windows.Add((start, Math.Min(start + length, cells.Length)));
        (int Start, int End)[] active = [.. windows.Where(w => Enumerable.Range(w.Start, w.End - w.Start).Any(masked.Contains))];
        if (active.Length == 0)
            return;
        int mask = _tokens.Tokenizer.MaskId!.Value;
        float[] probabilities = _model.MaskProbabilities(
            [.. active.Select(w => Enumerable.Range(w.Start, w.End - w.Start).Select(cell => masked.Contains(cell) ? mask : cells[cell])
                .ToArray())]);
        int row = 0;
        foreach (int cell in active.SelectMany(w => Enumerable.Range(w.Start, w.End - w.Start)).Where(masked.Contains))
        {
            ReadOnlySpan<float> own = probabilities.AsSpan(row++ * _tokens.Tokenizer.VocabularySize, _tokens.Tokenizer.VocabularySize);
            cells[cell] = Sample(own, _ids[cell % VoiceTokens.VoiceCount], options.Temperature, random.NextDouble());
        }
    }

    private static int Sample(ReadOnlySpan<float> probabilities, int[] allowed, double temperature, double uniform)
    {
        double[] weights = new double[allowed.Length];
        double highest = 0;
        foreach (int id in allowed)
            highest = Math.Max(highest, probabilities[id]);
        if (highest == 0)
            return allowed[(int)(uniform * allowed.Length)];
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += weights[i] = Math.Pow(probabilities[allowed[i]] / highest, 1 / temperature);
        double left = uniform * sum;
        int last = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0)
                continue;
            last = i;
            left -= weights[i];
            if (left < 0)
                break;
        }

        return allowed[last];
    }
}
