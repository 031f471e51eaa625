using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Music.Tokens;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Music;

/// <summary>How well a model predicts pieces, as the literature counts it: nats per time step.</summary>
/// <remarks>
/// Figures of different steps are not comparable: those published of the JSB Chorales are of <see cref="JsbFile.Quarter"/>.
/// </remarks>
public sealed class MusicLikelihood
{
    private const int LowestKey = 21;
    private const int Keys = 88;

    private MusicLikelihood(int pieces, long steps, double nats) => (Pieces, Steps, Nats) = (pieces, steps, nats);

    /// <summary>Pieces evaluated.</summary>
    public int Pieces { get; }

    /// <summary>Time steps of all pieces.</summary>
    public long Steps { get; }

    /// <summary>The mean of −log p(step) in nats; lower is better.</summary>
    public double NegativeLogLikelihoodPerStep => Nats / Steps;

    private double Nats { get; }

    /// <summary>
    /// The baseline of a model that knows nothing: each of some keys sounds with probability a half, and the step takes ln 2 for each.
    /// </summary>
    /// <param name="keys">The keys. Default: 88, the piano's.</param>
    /// <returns>Nats per step: 60.997 for 88 keys.</returns>
    public static double Uniform(int keys = Keys)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keys, 1);
        return keys * Math.Log(2);
    }

    /// <summary>
    /// The baseline that every model has to beat: each key sounds as often as in the training pieces, whatever is before and beside it.
    /// </summary>
    /// <param name="train">Pieces to count.</param>
    /// <param name="test">Pieces to predict.</param>
    /// <param name="stepsPerQuarter">Time steps in a quarter note.</param>
    /// <returns>What the baseline reaches. A key counts as heard once more and as silent once more than it was.</returns>
    /// <exception cref="ArgumentException">There is no step to count or predict.</exception>
    public static MusicLikelihood Marginal(IEnumerable<NoteSequence> train, IEnumerable<NoteSequence> test, int stepsPerQuarter)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        (long[] heard, long steps, _) = Count(train, stepsPerQuarter);
        (long[] predicted, long testSteps, int pieces) = Count(test, stepsPerQuarter);
        double nats = 0;
        for (int pitch = 0; pitch < heard.Length; pitch++)
        {
            double probability = (heard[pitch] + 1.0) / (steps + 2.0);
            nats -= predicted[pitch] * Math.Log(probability) + (testSteps - predicted[pitch]) * Math.Log(1 - probability);
        }

        return new MusicLikelihood(pieces, testSteps, nats);
    }

    internal static MusicLikelihood Evaluate(MLContext context, LanguageModelTransformer model, IEnumerable<NoteSequence> data, int? stride)
    {
        ArgumentNullException.ThrowIfNull(model);
        MusicTokens tokens = MusicTokens.Of(model.Tokenizer);
        string[][] pieces = [.. data.Select(piece => tokens.WordsOf(piece).ToArray())];
        long steps = pieces.Sum(words => (long)words.Sum(tokens.StepsOf));
        if (steps == 0)
            throw new ArgumentException("The data is empty: no step to predict.");
        IDataView texts = context.Data.LoadFromEnumerable(
            pieces.Select(words => new Row { Text = string.Concat(words.Select(word => word + MusicVocabulary.WordEnd)) }));
        LanguageModelMetrics metrics = LanguageModelEvaluator.Evaluate(context, model, texts, nameof(Row.Text), stride);
        return new MusicLikelihood(pieces.Length, steps, metrics.NegativeLogLikelihood * metrics.Tokens);
    }

    // For each pitch the steps in which it sounds.
    private static (long[] Heard, long Steps, int Pieces) Count(IEnumerable<NoteSequence> data, int stepsPerQuarter)
    {
        long[] heard = new long[Keys];
        long steps = 0;
        int pieces = 0;
        foreach (NoteSequence piece in data)
        {
            HashSet<(int Step, int Pitch)> cells = [];
            int last = 0;
            foreach (Note note in piece.Notes)
            {
                PitchRange.Check(note, LowestKey, LowestKey + Keys - 1);
                (int start, int end) = Grid.StepsOf(piece, note, stepsPerQuarter);
                for (int step = start; step < end; step++)
                    cells.Add((step, note.Pitch));
                last = Math.Max(last, end);
            }

            foreach ((_, int pitch) in cells)
                heard[pitch - LowestKey]++;
            steps += last;
            pieces++;
        }

        return steps > 0 ? (heard, steps, pieces) : throw new ArgumentException("The data is empty: no step to count.");
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";
    }
}
