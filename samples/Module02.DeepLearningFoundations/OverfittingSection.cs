using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>Few images: what a network learns by heart, and what helps.</summary>
internal static class OverfittingSection
{
    public sealed record Result(IReadOnlyList<(string Name, double Training, double Validation, double Accuracy)> Ways);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Overfitting: learning by heart");
        int few = lesson.Quick ? 100 : 200;
        IDataView train = lesson.ML.Data.TakeRows(lesson.Train, few);
        IDataView validation = lesson.ML.Data.TakeRows(lesson.ML.Data.SkipRows(lesson.Train, few), lesson.Quick ? 200 : 500);

        var chart = new Chart($"Learning from {few} images", "epoch", "loss, nats", logY: true);
        List<(string, double, double, double)> ways = [];
        foreach (var (color, (name, options)) in Variants().Index())
        {
            (options.BaseChannels, options.BatchSize, options.Epochs, options.LearningRate) = (8, 20, lesson.Quick ? 30 : 60, 0.003);
            options.ValidationData = validation;
            var (model, history) = lesson.Fit(name, options, train);
            using var owned = model;
            TrainingProgress[] epochs = [.. history.Where(report => report.ValidationLoss is not null)];
            chart.Line($"{name}: training", [.. epochs.Select(e => ((double)e.Epoch, e.Loss))], color, dashed: true)
                .Line($"{name}: validation", [.. epochs.Select(e => ((double)e.Epoch, e.ValidationLoss!.Value))], color);
            double accuracy = lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test)).MicroAccuracy;
            ways.Add((name, epochs[^1].Loss, epochs[^1].ValidationLoss!.Value, accuracy));
            Console.WriteLine($"{name}: loss of the last epoch {epochs[^1].Loss:F3} in training, {epochs[^1].ValidationLoss:F3} in validation; test accuracy {accuracy:P1}.");
        }

        chart.Legend(left: true, bottom: true).Save(lesson.Output.File("overfitting.png", "training and validation losses with few images"));
        return new Result(ways);
    }

    private static IEnumerable<(string Name, ImageClassifierOptions Options)> Variants() =>
    [
        ("plain", new ImageClassifierOptions { WeightDecay = 0 }),
        ("moved images", new ImageClassifierOptions { WeightDecay = 0, MaxShift = 3 }),
        ("moved, decay and dropout", new ImageClassifierOptions { WeightDecay = 0.1, MaxShift = 3, Dropout = 0.2 }),
    ];
}
