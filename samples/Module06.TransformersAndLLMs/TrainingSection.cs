using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Training by predicting the next token: the loss beside that of counting, and samples during training.</summary>
internal static class TrainingSection
{
    public sealed record Result(
        double Uniform, IReadOnlyList<double> Counted, double FirstLoss, double Validation, IReadOnlyList<string> Samples);

    public const string Prompt = "KING";

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Training: the next token");
        var (train, validation) = (lesson.Text.Train, lesson.Text.Validation);
        double uniform = Math.Log(lesson.Characters.VocabularySize);
        double[] counted = [.. Enumerable.Range(0, 5).Select(order => CountedModel.Loss(train, validation, order))];
        Console.WriteLine($"Nats per character: {uniform:F2} by guessing; by counting, given the 0 to 4 characters before, "
            + $"{string.Join(", ", counted.Select(loss => loss.ToString("F2")))}.");

        List<string> samples = [];
        void KeepSample(object? sender, LoggingEventArgs message)
        {
            if (message.RawMessage.StartsWith(Prompt, StringComparison.Ordinal))
                samples.Add(message.RawMessage);
        }

        // The sample of a training of a few steps shows the start.
        lesson.ML.Log += KeepSample;
        var (early, earlyHistory) = Train(lesson, "the same model, 20 steps", steps: 20, validation: null);
        early.Dispose();
        var (model, history) = Train(lesson, "language model", steps: lesson.Quick ? 400 : 2_000, lesson.Validation);
        lesson.ML.Log -= KeepSample;
        lesson.Base = model;

        string[] stages = ["after 20 steps", .. history.Where(report => report.ValidationLoss is not null)
            .Select(report => $"after {report.Step:N0} steps, validation loss {report.ValidationLoss:F2}")];
        foreach (var (stage, sample) in stages.Zip(samples))
            Lesson.Print(stage, sample);

        var chart = new Chart("Training a language model", "step", "−log p(character), nats")
            .Line("training", Lesson.Curve(history))
            .Points("validation", [.. history.Where(report => report.ValidationLoss is not null)
                .Select(report => ((double)report.Step, report.ValidationLoss!.Value))]);
        double last = history[^1].Step;
        foreach (var (name, loss) in new[] { ("guessing", uniform), ("counting characters", counted[0]), (
            "counting pairs", counted[1]), ("counting threes", counted[2]), ("counting fives", counted[4]) })
            chart.Line(name, [(0, loss), (last, loss)], dashed: true);
        chart.Range(yLow: 0).LegendOutside().Save(
            lesson.Output.File("training-loss.png", "the loss during training, beside that of counting"));

        double score = history.Last(report => report.ValidationLoss is not null).ValidationLoss!.Value;
        Console.WriteLine($"{model.Architecture.CountParameters():N0} parameters, {history[^1].Step:N0} steps in "
            + $"{history[^1].Elapsed.TotalSeconds:F0} s; validation loss {score:F3} nats.");
        return new Result(uniform, counted, earlyHistory[0].Loss, score, samples);
    }

    private static (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) Train(
        Lesson lesson, string title, int steps, IDataView? validation)
    {
        using var progress = new ConsoleProgress(title);
        LanguageModelTransformer model = lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            InputColumnName = "Text",
            Tokenizer = lesson.Characters,
            Architecture = LanguageModelArchitecture.GptNano with
            {
                Layers = lesson.Quick ? 2 : 4,
                Heads = 4,
                EmbeddingSize = lesson.Quick ? 64 : 128,
                ContextLength = 64,
                Positions = PositionEncoding.Rotary,
            },
            BatchSize = 12,
            MaxSteps = steps,
            EmaDecay = 0.99,
            ValidationData = validation,
            SamplePrompt = Prompt,
            Generation = new TextGenerationOptions { MaxTokens = lesson.Length, Temperature = 0.8, Seed = 1, LogitBias = lesson.NoEnd },
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }
}
