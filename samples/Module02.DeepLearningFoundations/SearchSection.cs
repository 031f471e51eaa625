using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>The search for hyperparameters: learning rate, width and batch size, chosen on validation images.</summary>
internal static class SearchSection
{
    public sealed record Trial(double Rate, int Width, int Batch, double Loss, double Accuracy, double Seconds);

    public sealed record Result(IReadOnlyList<Trial> Trials, Trial Best, double TestAccuracy);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. Hyperparameter search");
        int count = lesson.Quick ? 600 : 4_000;
        IDataView train = lesson.ML.Data.TakeRows(lesson.Train, count);
        IDataView validation = lesson.ML.Data.TakeRows(lesson.ML.Data.SkipRows(lesson.Train, count), lesson.Quick ? 300 : 2_000);
        double[] rates = lesson.Quick ? [0.001, 0.01] : [0.001, 0.003, 0.01, 0.03];
        int[] widths = lesson.Quick ? [4, 8] : [4, 8, 16];
        int[] batches = lesson.Quick ? [25, 100] : [25, 100];

        List<Trial> trials = [];
        foreach (int batch in batches)
        {
            foreach (int width in widths)
            {
                foreach (double rate in rates)
                {
                    var watch = Stopwatch.StartNew();
                    using ImageClassifierTransformer model = Train(lesson, train, rate, width, batch, epochs: 2);
                    double seconds = watch.Elapsed.TotalSeconds;
                    MulticlassClassificationMetrics found = lesson.ML.MulticlassClassification.Evaluate(model.Transform(validation));
                    trials.Add(new Trial(rate, width, batch, found.LogLoss, found.MicroAccuracy, seconds));
                }
            }
        }

        Console.WriteLine("  rate   width   batch   validation loss   accuracy   seconds");
        foreach (Trial trial in trials.OrderBy(trial => trial.Loss))
        {
            Console.WriteLine(
                $"{trial.Rate,6}   {trial.Width,5}   {trial.Batch,5}   {trial.Loss,15:F4}   {trial.Accuracy,8:P1}   {trial.Seconds,7:F1}");
        }
        Plot(lesson, trials);

        Trial best = trials.MinBy(trial => trial.Loss)!;
        double test = Final(lesson, best);
        Console.WriteLine($"Best on the validation images: rate {best.Rate}, width {best.Width}, batch {best.Batch}. Trained with these on "
            + $"all {lesson.TrainImages.Count:N0} images, its test accuracy is {test:P1}.");
        return new Result(trials, best, test);
    }

    private static void Plot(Lesson lesson, List<Trial> trials)
    {
        var panels = trials.GroupBy(trial => trial.Batch).Select(batch =>
        {
            var chart = new Chart($"Batches of {batch.Key}", "learning rate", "validation loss, nats", logX: true, logY: true);
            foreach (var width in batch.GroupBy(trial => trial.Width))
                chart.Line($"width {width.Key}", [.. width.Select(trial => (trial.Rate, trial.Loss))]);
            return chart.Range(yLow: 0.9 * trials.Min(trial => trial.Loss), yHigh: 1.1 * trials.Max(trial => trial.Loss));
        });
        Chart.SavePanels(lesson.Output.File("search.png", "validation loss by learning rate, width and batch"), [.. panels]);
    }

    private static ImageClassifierTransformer Train(Lesson lesson, IDataView data, double rate, int width, int batch, int epochs)
    {
        using var progress = new ConsoleProgress($"rate {rate}, width {width}, batch {batch}");
        return lesson.ML.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            LabelColumnName = "Label",
            InputColumnName = "Image",
            LearningRate = rate,
            BaseChannels = width,
            BatchSize = batch,
            Epochs = epochs,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(data);
    }

    // The test images are used once, when everything is decided.
    private static double Final(Lesson lesson, Trial best)
    {
        using ImageClassifierTransformer model = Train(lesson, lesson.Train, best.Rate, best.Width, best.Batch, epochs: 4);
        return lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test)).MicroAccuracy;
    }
}
