using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>Few training images: how a network overfits, and what helps.</summary>
internal static class OverfittingSection
{
    public sealed record Result(IReadOnlyList<(string Name, double Training, double Validation, double Accuracy)> Variants);

    private sealed record Variant(string Name, double WeightDecay = 0, int MaxShift = 0, double Dropout = 0);

    private static readonly Variant[] _variants =
    [
        new("plain"),
        new("shifted images", MaxShift: 3),
        new("shifted, weight decay and dropout", WeightDecay: 0.1, MaxShift: 3, Dropout: 0.2),
    ];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Overfitting");
        int few = lesson.Quick ? 100 : 200;
        IDataView train = lesson.ML.Data.TakeRows(lesson.Train, few);
        IDataView validation = lesson.ML.Data.TakeRows(lesson.ML.Data.SkipRows(lesson.Train, few), lesson.Quick ? 200 : 500);

        var chart = new Chart($"Training on {few} images", "epoch", "loss, nats", logY: true);
        List<(string, double, double, double)> results = [];
        foreach (var (color, variant) in _variants.Index())
        {
            var (model, history) = Train(lesson, variant, train, validation);
            using var owned = model;
            TrainingProgress[] epochs = [.. history.Where(report => report.ValidationLoss is not null)];
            chart.Line($"{variant.Name}: training", [.. epochs.Select(e => ((double)e.Epoch, e.Loss))], color, dashed: true)
                .Line($"{variant.Name}: validation", [.. epochs.Select(e => ((double)e.Epoch, e.ValidationLoss!.Value))], color);
            double accuracy = lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test)).MicroAccuracy;
            results.Add((variant.Name, epochs[^1].Loss, epochs[^1].ValidationLoss!.Value, accuracy));
            Console.WriteLine($"{variant.Name}: in the last epoch training loss {epochs[^1].Loss:F3}, validation loss "
                + $"{epochs[^1].ValidationLoss:F3}; test accuracy {accuracy:P1}.");
        }

        chart.Save(lesson.Output.File("overfitting.png", "training and validation losses with few images"));
        return new Result(results);
    }

    private static (ImageClassifierTransformer Model, IReadOnlyList<TrainingProgress> History) Train(
        Lesson lesson, Variant variant, IDataView train, IDataView validation)
    {
        using var progress = new ConsoleProgress(variant.Name);
        ImageClassifierTransformer model = lesson.ML.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            LabelColumnName = "Label",
            InputColumnName = "Image",
            BaseChannels = 8,
            BatchSize = 20,
            Epochs = lesson.Quick ? 45 : 60,
            LearningRate = 0.003,
            WeightDecay = variant.WeightDecay,
            MaxShift = variant.MaxShift,
            Dropout = variant.Dropout,
            ValidationData = validation,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(train);
        return (model, progress.History);
    }
}
