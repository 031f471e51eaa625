using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Training by predicting the next token: the loss beside what counting reaches, and what the model writes meanwhile.</summary>
internal static class TrainingSection
{
    public sealed record Result(double Uniform, IReadOnlyList<double> Counted, double FirstLoss, double Validation, IReadOnlyList<string> Samples);

    public const string Prompt = "KING";

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Training: the next token");
        var (train, validation) = (lesson.Text.Train, lesson.Text.Validation);
        double uniform = Math.Log(lesson.Characters.VocabularySize);
        double[] counted = [.. Enumerable.Range(0, 5).Select(order => CountedModel.Loss(train, validation, order))];
        Console.WriteLine($"Nats for each character: {uniform:F2} by guessing; by counting, after 0 to 4 characters before it, {string.Join(", ", counted.Select(loss => loss.ToString("F2")))}.");

        LanguageModelOptions options = lesson.Options(lesson.Quick ? 400 : 2_000);
        options.ValidationData = lesson.Validation;
        options.SamplePrompt = Prompt;
        options.Generation = new TextGenerationOptions { MaxTokens = lesson.Length, Temperature = 0.8, Seed = 1, LogitBias = lesson.NoEnd };

        List<string> samples = [];
        void KeepSample(object? sender, Microsoft.ML.LoggingEventArgs message)
        {
            if (message.RawMessage.StartsWith(Prompt, StringComparison.Ordinal))
                samples.Add(message.RawMessage);
        }

        // A few steps first, whose sample shows where the training comes from.
        lesson.ML.Log += KeepSample;
        LanguageModelOptions few = lesson.Options(20);
        (few.SamplePrompt, few.Generation) = (Prompt, options.Generation);
        var early = lesson.Fit("the same model, 20 steps", few);
        var (model, history) = lesson.Fit("language model", options);
        lesson.ML.Log -= KeepSample;
        lesson.Base = model;

        string[] stages = ["after 20 steps", .. history.Where(report => report.ValidationLoss is not null).Select(report => $"after {report.Step:N0} steps, validation loss {report.ValidationLoss:F2}")];
        foreach (var (stage, sample) in stages.Zip(samples))
            Lesson.Print(stage, sample);

        var chart = new Chart("Training a language model", "step", "−log p(character), nats")
            .Line("training", Lesson.Curve(history))
            .Points("validation", [.. history.Where(report => report.ValidationLoss is not null).Select(report => ((double)report.Step, report.ValidationLoss!.Value))]);
        double last = history[^1].Step;
        foreach (var (name, loss) in new[] { ("guessing", uniform), ("counting characters", counted[0]), ("counting pairs", counted[1]), ("counting threes", counted[2]), ("counting fives", counted[4]) })
            chart.Line(name, [(0, loss), (last, loss)], dashed: true);
        chart.Range(yLow: 0).Legend(outside: true).Save(lesson.Output.File("training-loss.png", "the loss falling, beside what counting reaches"));

        double score = history.Last(report => report.ValidationLoss is not null).ValidationLoss!.Value;
        Console.WriteLine($"{model.Architecture.CountParameters():N0} weights, {history[^1].Step:N0} steps in {history[^1].Elapsed.TotalSeconds:F0} s; validation loss {score:F3} nats.");
        return new Result(uniform, counted, early.History[0].Loss, score, samples);
    }
}
