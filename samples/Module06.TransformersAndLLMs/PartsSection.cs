using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>What each part of a Transformer is worth: short trainings, one part changed in each.</summary>
internal static class PartsSection
{
    public sealed record Result(IReadOnlyDictionary<string, double> Losses);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. The parts of a Transformer");
        int steps = lesson.Quick ? 120 : 500;
        (string Name, Func<LanguageModelArchitecture, LanguageModelArchitecture> Change)[] variants =
        [
            ("as it is", model => model),
            ("learned positions", model => model with { Positions = PositionEncoding.Learned }),
            ("one layer", model => model with { Layers = 1 }),
            ("one head", model => model with { Heads = 1 }),
            ("context of 8", model => model with { ContextLength = 8 }),
            ("RMSNorm and SwiGLU", model => model with { Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu }),
        ];

        var chart = new Chart($"One part changed, {steps} steps", "step", "−log p(character), nats");
        Dictionary<string, double> losses = [];
        foreach (var (name, change) in variants)
        {
            LanguageModelOptions options = lesson.Options(steps);
            // As many characters in each step, whatever the context.
            int characters = options.BatchSize * options.ContextLength;
            options.Architecture = change(options.Architecture);
            options.BatchSize = characters / options.ContextLength;
            options.ValidationData = lesson.Validation;
            var (model, history) = lesson.Fit(name, options);
            losses[name] = history.Last(report => report.ValidationLoss is not null).ValidationLoss!.Value;
            chart.Line(name, Lesson.Curve(history));
            Console.WriteLine($"{name}: {model.Architecture.CountParameters():N0} weights, validation loss {losses[name]:F3} nats.");
        }

        chart.Save(lesson.Output.File("parts-loss.png", "what each part is worth"));
        return new Result(losses);
    }
}
