using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module01;

/// <summary>A language model of children's stories: a published one, or one trained here.</summary>
/// <param name="Name">A description.</param>
/// <param name="Model">The model.</param>
/// <param name="ReadsWords">Whether its tokens are words and parts of words; else they are characters.</param>
internal sealed record Storyteller(string Name, LanguageModelTransformer Model, bool ReadsWords) : IDisposable
{
    /// <summary>Loads or trains a model.</summary>
    /// <param name="lesson">The lesson.</param>
    /// <param name="name">
    /// The path of a folder or file to load; made trains a model on stories that the program makes; auto loads stories260K where it is,
    /// else it trains.
    /// </param>
    public static Storyteller Load(Lesson lesson, string name)
    {
        string stories = Path.Combine(lesson.ML.Generative().DataDirectory, "stories260K", "stories260K.bin");
        string? path = name switch
        {
            "made" => null,
            "auto" => File.Exists(stories) ? stories : null,
            _ => name,
        };
        return path is null ? Train(lesson) : new Storyteller(
            Path.GetFileName(path), lesson.ML.Generative().LoadPretrainedLanguageModel(path), ReadsWords: true);
    }

    private static Storyteller Train(Lesson lesson)
    {
        IDataView text = lesson.ML.Data.LoadFromEnumerable(
            [new TextRow { Text = MadeStories.Write(lesson.Quick ? 60_000 : 200_000, seed: 1) }]);
        using var progress = new ConsoleProgress("p(text)");
        var model = lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            InputColumnName = nameof(TextRow.Text),
            Architecture = LanguageModelArchitecture.GptNano with
            {
                Layers = 2,
                Heads = 4,
                EmbeddingSize = 64,
                ContextLength = 64,
                Positions = PositionEncoding.Rotary,
            },
            BatchSize = 12,
            MaxSteps = lesson.Quick ? 400 : 1_500,
            LearningRate = 3e-3,
            EmaDecay = 0.99,
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(text);
        return new Storyteller("a model of characters, trained on stories that the program made", model, ReadsWords: false);
    }

    /// <summary>A prompt after which a word is to come: where tokens are characters, the space before it is not worth asking for.</summary>
    public string Before(string prompt) => ReadsWords ? prompt : prompt + " ";

    public void Dispose() => Model.Dispose();

    /// <summary>A text as a row of data.</summary>
    internal sealed class TextRow
    {
        public string Text { get; set; } = "";
    }
}
