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
/// "Counterpoint by convolution" (Coconet), 2017; the grid of voices: Hadjeres, Pachet, Nielsen, "DeepBach", 2017. The rules of voice
/// leading are a second expert (Hinton, "Products of experts", 2002): what is drawn from is the product of the model's probabilities and of
/// those that <see cref="HarmonizeOptions.VoiceLeadingWeight"/> gives.
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

    // What is masked falls from all to little, as Coconet's; in the last of so many parts of the passes, voices are gone through in turn.
    private const double FirstPart = 1;
    private const double LastPart = 0.05;
    private const int SweepPart = 4;
    private const int BeatsApart = 4;

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
        NoteSequence given = Given(piece, options);
        string[] words = _tokens.GridOf(given);
        NoteSequence composed = Compose(words, voice => options.GivenVoices.Contains(voice), options);
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

    /// <summary>
    /// Composes the other voices in C major or A minor, the keys without sharps and flats: the piece is transposed there and back. For
    /// models that were trained in these keys, see <see cref="MusicKey.SemitonesToNatural"/>.
    /// </summary>
    /// <param name="piece">The piece; the notes of <see cref="HarmonizeOptions.GivenVoices"/> count, of which there has to be one.</param>
    /// <param name="key">The piece's key. Default: the one that <see cref="MusicKey.Estimate"/> finds from the given voices.</param>
    /// <param name="options">Voices, temperature and more. Default: a soprano, to which alto, tenor and bass are composed.</param>
    /// <returns>The given notes as they are, with the other voices in the piece's key.</returns>
    /// <exception cref="ArgumentException">
    /// There is no given note, or one that the words lack after it is transposed; or an option is out of its range.
    /// </exception>
    /// <exception cref="OperationCanceledException">The composition was canceled.</exception>
    public NoteSequence HarmonizeInNaturalKey(NoteSequence piece, MusicKey? key = null, HarmonizeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(piece);
        options ??= new HarmonizeOptions();
        options.Validate();
        NoteSequence given = Given(piece, options);
        int semitones = (key ?? MusicKey.Estimate(given)).SemitonesToNatural;
        return Harmonize(given.Transpose(semitones), options).Transpose(-semitones);
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

    private static NoteSequence Given(NoteSequence piece, HarmonizeOptions options)
    {
        NoteSequence given = piece.With([.. piece.Notes.Where(note => options.GivenVoices.Contains(note.Voice))]);
        return given.Notes.Count > 0 ? given : throw new ArgumentException(
            $"The piece has no note of the voices {string.Join(", ", options.GivenVoices)}, which {nameof(options.GivenVoices)} says "
            + "to keep.", nameof(piece));
    }

    private NoteSequence Compose(string[] words, Func<int, bool> isGiven, HarmonizeOptions options)
    {
        int[] ids = [.. words.Select(word => _tokens.Tokenizer.IdOf(word + MusicVocabulary.WordEnd)!.Value)];
        int[] open = [.. Enumerable.Range(0, ids.Length).Where(cell => !isGiven(cell % VoiceTokens.VoiceCount))];
        var grid = new HarmonyGrid(_tokens, ids);
        var random = new RowRandom(SeedSequence.Choose(_model.Host, options.Seed), 0);
        if (open.Length > 0)
        {
            int annealed = options.Passes - options.Passes / SweepPart;
            for (int pass = 0; pass < options.Passes; pass++)
            {
                options.CancellationToken.ThrowIfCancellationRequested();
                _model.Host.CheckAlive();
                double part = FirstPart - (FirstPart - LastPart) * pass / annealed;
                ComposeAgain(grid, pass < annealed ? Some(open, part, ref random) : Sweep(open, pass - annealed), options, ref random);
                options.Progress?.Report(new MusicProgress(pass + 1, options.Passes));
            }
        }

        return _tokens.Decode(string.Join(' ', grid.Words.Select(id => _tokens.Tokenizer.TokenOf(id)!.TrimEnd())));
    }

    private static List<int> Some(int[] open, double part, ref RowRandom random)
    {
        List<int> some = [];
        foreach (int cell in open)
        {
            if (part >= 1 || random.NextDouble() < part)
                some.Add(cell);
        }

        return some;
    }

    // Notes of one voice, so far from each other that they hardly depend on each other: in so many passes, each note has been among them.
    private List<int> Sweep(int[] open, int pass)
    {
        int[] voices = [.. open.Select(cell => cell % VoiceTokens.VoiceCount).Distinct()];
        (int voice, int beat) = (voices[pass % voices.Length], pass / voices.Length % BeatsApart);
        return [.. open.Where(cell => cell % VoiceTokens.VoiceCount == voice
            && cell / VoiceTokens.VoiceCount / _tokens.StepsPerQuarter % BeatsApart == beat)];
    }

    // The model sees a window at once; the windows begin elsewhere in each pass, so that no seam stays.
    private void ComposeAgain(HarmonyGrid grid, List<int> cells, HarmonizeOptions options, ref RowRandom random)
    {
        grid.Mask(cells);
        int bar = options.QuartersPerBar * _tokens.StepsPerQuarter * VoiceTokens.VoiceCount;
        int window = _model.Codec.MostInside / VoiceTokens.VoiceCount * VoiceTokens.VoiceCount;
        int all = grid.Words.Count;
        int first = all <= window ? window
            : window > bar ? window - random.Next(window / bar) * bar
            : window;
        List<(int Start, int End)> windows = [];
        for (int start = 0, length = first; start < all; (start, length) = (start + length, window))
            windows.Add((start, Math.Min(start + length, all)));
        (int Start, int End)[] active = [.. windows.Where(w => cells.Exists(cell => cell >= w.Start && cell < w.End))];
        if (active.Length == 0)
            return;
        int mask = _tokens.Tokenizer.MaskId!.Value;
        float[] probabilities = _model.MaskProbabilities(
            [.. active.Select(w => Enumerable.Range(w.Start, w.End - w.Start).Select(cell => grid.IsMasked(cell) ? mask : grid.Words[cell])
                .ToArray())]);
        // One after the other: each is fitted to those before it by the rules, if not by the model.
        int row = 0;
        foreach (int cell in cells)
        {
            ReadOnlySpan<float> own = probabilities.AsSpan(row++ * _tokens.Tokenizer.VocabularySize, _tokens.Tokenizer.VocabularySize);
            grid.Set(cell, Sample(grid, cell, own, options, random.NextDouble()));
        }
    }

    private int Sample(HarmonyGrid grid, int cell, ReadOnlySpan<float> probabilities, HarmonizeOptions options, double uniform)
    {
        int[] allowed = _ids[cell % VoiceTokens.VoiceCount];
        double[] weights = new double[allowed.Length];
        double highest = double.NegativeInfinity;
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = Math.Log(probabilities[allowed[i]]) / options.Temperature
                - options.VoiceLeadingWeight * grid.CountFaults(cell, allowed[i]);
            highest = Math.Max(highest, weights[i]);
        }

        if (double.IsNegativeInfinity(highest))
            return allowed[(int)(uniform * allowed.Length)];
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += weights[i] = Math.Exp(weights[i] - highest);
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
