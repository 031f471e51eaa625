using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>The parts of a Transformer: short trainings, with one part changed in each.</summary>
internal static class PartsSection
{
    public sealed record Result(IReadOnlyDictionary<string, double> Losses);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. The parts of a Transformer");
        int steps = lesson.Quick ? 120 : 500;
        (string Name, Func<LanguageModelArchitecture, LanguageModelArchitecture> Change)[] variants =
        [
            ("baseline", architecture => architecture),
            ("learned positions", architecture => architecture with { Positions = PositionEncoding.Learned }),
            ("one layer", architecture => architecture with { Layers = 1 }),
            ("one head", architecture => architecture with { Heads = 1 }),
            ("context of 8", architecture => architecture with { ContextLength = 8 }),
            ("RMSNorm and SwiGLU", architecture =>
                architecture with { Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu }),
        ];

        var chart = new Chart($"One part changed, {steps} steps", "step", "−log p(character), nats");
        Dictionary<string, double> losses = [];
        foreach (var (name, change) in variants)
        {
            var (model, history) = Train(lesson, name, change(lesson.Base.Architecture), steps);
            using var owned = model;
            losses[name] = history.Last(report => report.ValidationLoss is not null).ValidationLoss!.Value;
            chart.Line(name, Lesson.Curve(history));
            Console.WriteLine($"{name}: {model.Architecture.CountParameters():N0} parameters, validation loss {losses[name]:F3} nats.");
        }

        chart.Save(lesson.Output.File("parts-loss.png", "the loss with one part changed"));
        return new Result(losses);
    }

    private static (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) Train(
        Lesson lesson, string title, LanguageModelArchitecture architecture, int steps)
    {
        const int charactersPerStep = 12 * 64;
        using var progress = new ConsoleProgress(title);
        LanguageModelTransformer model = lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = lesson.Characters,
            Architecture = architecture,
            BatchSize = charactersPerStep / architecture.ContextLength,
            MaxSteps = steps,
            EmaDecay = 0.99,
            ValidationData = lesson.Validation,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }
}
