using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module09;

/// <summary>The texts, their tokenizer, and the models that more than one section uses.</summary>
internal sealed class Lesson : SampleLesson
{
    // All styles are written with these characters.
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.,;:!?'-\n ";

    private LanguageModelTransformer? _base;
    private LanguageModelTransformer? _names;

    public Lesson(SampleArguments arguments)
        : base(arguments)
    {
        Play = TextData.Load(ML, arguments.Data, Quick ? 150_000 : 1_200_000);
        Names = Styles.Names(ML, arguments.Data);
        Telegrams = Styles.Telegrams(Play);
        Characters = GenerativeTokenizers.CharacterLevel([Play.Train, Play.Validation, Alphabet]);
        foreach (TextData text in (TextData[])[Play, Names, Telegrams])
            Console.WriteLine($"{text.Name}: {text.Train.Length:N0} characters to train on, {text.Validation.Length:N0} for validation.");
    }

    /// <summary>The text of the base model.</summary>
    public TextData Play { get; }

    /// <summary>Another style: names of persons, one a line.</summary>
    public TextData Names { get; }

    /// <summary>A third style: the play as telegrams.</summary>
    public TextData Telegrams { get; }

    /// <summary>One token per character.</summary>
    public GenerativeTokenizer Characters { get; }

    /// <summary>The model of the play that <see cref="BaseSection"/> trains.</summary>
    public LanguageModelTransformer Base
    {
        get => _base ?? throw new InvalidOperationException("The base model is not trained yet.");
        set => _base = Keep(value);
    }

    /// <summary>The base with the adapter of the names that <see cref="LoraSection"/> trains.</summary>
    public LanguageModelTransformer NamesModel
    {
        get => _names ?? throw new InvalidOperationException("The adapter of the names is not trained yet.");
        set => _names = Keep(value);
    }

    /// <summary>Steps of a fine-tuning.</summary>
    public int Steps => Quick ? 60 : 200;

    /// <summary>Texts as rows of data.</summary>
    public IDataView Rows(string text) => TextData.Rows(ML, text);

    /// <summary>The perplexity of a model on the validation text of a style, or on its beginning.</summary>
    public double Perplexity(LanguageModelTransformer model, TextData text) =>
        ML.Generative().EvaluateLanguageModel(model, Rows(text.Validation[..Math.Min(text.Validation.Length, 20_000)])).Perplexity;

    /// <summary>Fine-tunes the base model on a style, all of its weights or an adapter.</summary>
    /// <param name="title">What is trained, in a word or two.</param>
    /// <param name="model">The model to begin with.</param>
    /// <param name="text">The style.</param>
    /// <param name="adapter">The adapter; <see langword="null"/>: all weights are trained.</param>
    /// <param name="steps">The number of steps.</param>
    public (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) FineTune(
        string title, LanguageModelTransformer model, TextData text, LoraOptions? adapter, int steps)
    {
        using var progress = new ConsoleProgress(title);
        LanguageModelTransformer tuned = ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = model,
            Adapter = adapter,
            BatchSize = 16,
            MaxSteps = steps,
            Seed = 2,
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = Cancellation,
        }).Fit(Rows(text.Train));
        return (tuned, progress.History);
    }

    /// <summary>Prints a generated text, indented.</summary>
    public static void Print(string caption, string text) =>
        Console.WriteLine($"{caption}\n    {text.ReplaceLineEndings("\n    ")}\n");
}
