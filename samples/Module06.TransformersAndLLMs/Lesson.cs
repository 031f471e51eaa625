using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module06;

/// <summary>The text, its tokenizer, and the models that more than one section uses.</summary>
internal sealed class Lesson : SampleLesson
{
    // The characters of commands and answers, even if the text lacks them.
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-!";

    private LanguageModelTransformer? _base;
    private LanguageModelTransformer? _tuned;

    public Lesson(SampleArguments arguments)
        : base(arguments)
    {
        Text = TextData.Load(ML, arguments.Data, Quick ? 150_000 : 1_200_000);
        Console.WriteLine($"Text: {Text.Name}, {Text.Train.Length:N0} characters to train on, {Text.Validation.Length:N0} for validation.");
        Train = TextData.Rows(ML, Text.Train);
        Validation = TextData.Rows(ML, Text.Validation);
        Characters = GenerativeTokenizers.CharacterLevel(
            [Text.Train, Text.Validation, Alphabet], new() { EndOfTextToken = "<|endoftext|>" });
    }

    public TextData Text { get; }

    /// <summary>One row: the training text.</summary>
    public IDataView Train { get; }

    /// <summary>One row: the validation text.</summary>
    public IDataView Validation { get; }

    /// <summary>One token per character, and one that ends a text.</summary>
    public GenerativeTokenizer Characters { get; }

    /// <summary>Forbids the end of the text, which occurs only once in the training text: too rarely to be learned.</summary>
    public IReadOnlyDictionary<int, float> NoEnd => new Dictionary<int, float> { [Characters.EndOfTextId!.Value] = float.NegativeInfinity };

    /// <summary>The language model that <see cref="TrainingSection"/> trains.</summary>
    public LanguageModelTransformer Base
    {
        get => _base ?? throw new InvalidOperationException("The language model is not trained yet.");
        set => _base = Keep(value);
    }

    /// <summary>The model that <see cref="FineTuningSection"/> trains from <see cref="Base"/>.</summary>
    public LanguageModelTransformer Tuned
    {
        get => _tuned ?? throw new InvalidOperationException("The model is not fine-tuned yet.");
        set => _tuned = Keep(value);
    }

    /// <summary>The length of a generated text in tokens.</summary>
    public int Length => Quick ? 200 : 400;

    /// <summary>The losses of a training as the points of a line.</summary>
    public static (double, double)[] Curve(IReadOnlyList<TrainingProgress> history) =>
        [.. history.Select(report => ((double)report.Step, report.RecentLoss))];

    /// <summary>Prints a generated text, indented.</summary>
    public static void Print(string caption, string text) =>
        Console.WriteLine($"{caption}\n    {text.ReplaceLineEndings("\n    ")}\n");
}
