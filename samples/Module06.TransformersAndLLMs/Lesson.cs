using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module06;

/// <summary>What the sections share: the text, its tokenizer, and models that more than one section looks at.</summary>
internal sealed class Lesson : IDisposable
{
    // What commands and answers are made of, even where the text lacks it.
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-!";

    private readonly CancellationToken _cancellation;
    private readonly List<LanguageModelTransformer> _trained = [];
    private LanguageModelTransformer? _base;
    private LanguageModelTransformer? _tuned;

    private Lesson(MLContext ml, TextData text, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (ML, Text, Quick, Output, _cancellation) = (ml, text, quick, output, cancellation);
        Train = TextData.Rows(ml, text.Train);
        Validation = TextData.Rows(ml, text.Validation);
        Characters = GenerativeTokenizers.CharacterLevel([text.Train, text.Validation, Alphabet], new() { EndOfTextToken = "<|endoftext|>" });
    }

    public MLContext ML { get; }

    public TextData Text { get; }

    /// <summary>A row, the text to learn.</summary>
    public IDataView Train { get; }

    /// <summary>A row, the text to score with.</summary>
    public IDataView Validation { get; }

    /// <summary>A token for each character, and one that ends a text.</summary>
    public GenerativeTokenizer Characters { get; }

    /// <summary>Forbids the end of the text, which the long text to learn from has but once: too rare to be learned.</summary>
    public IReadOnlyDictionary<int, float> NoEnd => new Dictionary<int, float> { [Characters.EndOfTextId!.Value] = float.NegativeInfinity };

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    public SampleOutput Output { get; }

    /// <summary>The lesson's model, which <see cref="TrainingSection"/> trains.</summary>
    public LanguageModelTransformer Base
    {
        get => _base ?? throw new InvalidOperationException("The model is not trained yet.");
        set => _base = value;
    }

    /// <summary>The model that answers, which <see cref="FineTuningSection"/> makes of <see cref="Base"/>.</summary>
    public LanguageModelTransformer Tuned
    {
        get => _tuned ?? throw new InvalidOperationException("The model is not tuned yet.");
        set => _tuned = value;
    }

    /// <summary>How far a text is gone on with to look at it, in tokens.</summary>
    public int Length => Quick ? 200 : 400;

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var text = TextData.Load(ml, data, quick ? 150_000 : 1_200_000);
        Console.WriteLine($"Text: {text.Name}, {text.Train.Length:N0} characters to learn from, {text.Validation.Length:N0} others to score with.");
        return new Lesson(ml, text, quick, output, cancellation);
    }

    /// <summary>The options of the lesson's model: 800,000 weights, or 100,000 where it should be quick.</summary>
    public LanguageModelOptions Options(int steps) => new()
    {
        Tokenizer = Characters,
        Architecture = LanguageModelArchitecture.GptNano with
        {
            Layers = Quick ? 2 : 4,
            Heads = 4,
            EmbeddingSize = Quick ? 64 : 128,
            ContextLength = 64,
            Positions = PositionEncoding.Rotary,
        },
        BatchSize = 12,
        MaxSteps = steps,
        EmaDecay = 0.99,
    };

    /// <summary>Trains a language model, on <see cref="Train"/> by default; the lesson disposes of it.</summary>
    public (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) Fit(string title, LanguageModelOptions options, IDataView? data = null)
    {
        using var progress = new ConsoleProgress(title);
        // So that the numbers do not depend on how many cores there are.
        options.Threads = 1;
        options.Progress = progress;
        options.CancellationToken = _cancellation;
        var model = ML.Transforms.Generative().LanguageModel(options).Fit(data ?? Train);
        _trained.Add(model);
        return (model, progress.History);
    }

    /// <summary>The losses of a training as the points of a line.</summary>
    public static (double, double)[] Curve(IReadOnlyList<TrainingProgress> history) => [.. history.Select(report => ((double)report.Step, report.Loss))];

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    /// <summary>Prints a text that a model wrote, set apart.</summary>
    public static void Print(string caption, string text) =>
        Console.WriteLine($"{caption}\n    {text.ReplaceLineEndings("\n    ")}\n");

    public void Dispose()
    {
        foreach (var trained in _trained)
            trained.Dispose();
    }
}
