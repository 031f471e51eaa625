using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;
using Module10.Models;
using Samples.Shared;

namespace Module10.Rooms.Writer;

/// <summary>A language model of plays and stories, which learns a visitor's text.</summary>
internal sealed class WriterModel(CapstoneOptions options) : RoomModel(options, "writer")
{
    private const int Vocabulary = 1_024;
    private const int Context = 128;
    private const int BatchOfVisitor = 8;
    private const int StepsOfVisitor = 240;
    private const int SamplesOfVisitor = 6;

    /// <summary>Bytes that a token of ordinary text has, about; only how often a sample is shown depends on it.</summary>
    private const int BytesOfToken = 3;

    public LanguageModelTransformer Model => Require<LanguageModelTransformer>();

    /// <summary>How well a model predicts a text.</summary>
    public static LanguageModelMetrics Measure(LanguageModelTransformer model, string text)
    {
        var ml = new MLContext();
        return ml.Generative().EvaluateLanguageModel(model, TextData.Rows(ml, text));
    }

    /// <summary>Trains all weights of a copy of the model on a visitor's text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="prompt">What samples begin with.</param>
    /// <param name="sample">Called with a sample now and then.</param>
    /// <param name="progress">Receives reports.</param>
    /// <param name="cancellation">Stops the training.</param>
    public LanguageModelTransformer Learn(
        string text, string prompt, Action<string> sample, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        var ml = new MLContext(seed: 1);
        ml.Log += (_, message) =>
        {
            if (message.RawMessage.StartsWith(prompt, StringComparison.Ordinal))
                sample(message.RawMessage);
        };
        // A sample is made at the end of an epoch: a short text is there several times, so that epochs are long enough.
        int steps = Options.Steps(StepsOfVisitor);
        int stepsOfText = Math.Max(1, text.Length / (BytesOfToken * BatchOfVisitor * Context));
        int times = Math.Max(1, steps / SamplesOfVisitor / stepsOfText);
        return ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = Model,
            BatchSize = BatchOfVisitor,
            MaxSteps = steps,
            LearningRate = 1e-3,
            SamplePrompt = prompt,
            Generation = new TextGenerationOptions { MaxTokens = 60, Temperature = 0.8, Seed = 1 },
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(TextData.Rows(ml, [.. Enumerable.Repeat(text, times)]));
    }

    protected override (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        string play = TextData.Load(ml, "auto", Math.Max(20_000, Options.Steps(400_000))).Train;
        string stories = MadeStories.Write(Math.Max(10_000, Options.Steps(150_000)), seed: 1);
        IDataView rows = TextData.Rows(ml, play, stories);
        return (ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            // Of bytes, so that every text has tokens.
            Tokenizer = GenerativeTokenizers.TrainBytePairEncoding([play, stories], Vocabulary),
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = Context },
            BatchSize = 16,
            MaxSteps = Options.Steps(700),
            LearningRate = 2e-3,
            EmaDecay = 0.99,
            Generation = new TextGenerationOptions { MaxTokens = 120, Temperature = 0.8 },
            Threads = CapstoneOptions.Threads,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(rows), rows);
    }
}
