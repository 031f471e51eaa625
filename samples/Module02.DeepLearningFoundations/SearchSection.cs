using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>The search for hyper-parameters: learning rate, width and batch, chosen on images that neither train nor test.</summary>
internal static class SearchSection
{
    public sealed record Trial(double Rate, int Width, int Batch, double Loss, double Accuracy, double Seconds);

    public sealed record Result(IReadOnlyList<Trial> Trials, Trial Best, double TestAccuracy);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. The search for good settings");
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
                    var (model, _) = lesson.Fit(
                        $"rate {rate}, width {width}, batch {batch}", new ImageClassifierOptions { LearningRate = rate, BaseChannels = width, BatchSize = batch, Epochs = 2 }, train);
                    double seconds = watch.Elapsed.TotalSeconds;
                    using var owned = model;
                    MulticlassClassificationMetrics found = lesson.ML.MulticlassClassification.Evaluate(model.Transform(validation));
                    trials.Add(new Trial(rate, width, batch, found.LogLoss, found.MicroAccuracy, seconds));
                }
            }
        }

        Console.WriteLine("  rate   width   batch   validation loss   accuracy   seconds");
        foreach (Trial trial in trials.OrderBy(trial => trial.Loss))
            Console.WriteLine($"{trial.Rate,6}   {trial.Width,5}   {trial.Batch,5}   {trial.Loss,15:F4}   {trial.Accuracy,8:P1}   {trial.Seconds,7:F1}");
        Draw(lesson, trials);

        Trial best = trials.MinBy(trial => trial.Loss)!;
        double test = Final(lesson, best);
        Console.WriteLine($"Best on the validation images: rate {best.Rate}, width {best.Width}, batch {best.Batch}. Trained with these on all {lesson.TrainImages.Length:N0} images, it names {test:P1} of the test images rightly.");
        return new Result(trials, best, test);
    }

    private static void Draw(Lesson lesson, List<Trial> trials)
    {
        var panels = trials.GroupBy(trial => trial.Batch).Select(batch =>
        {
            var chart = new Chart($"Batches of {batch.Key}", "learning rate", "validation loss, nats", logX: true, logY: true);
            foreach (var width in batch.GroupBy(trial => trial.Width))
                chart.Line($"width {width.Key}", [.. width.Select(trial => (trial.Rate, trial.Loss))]);
            return chart.Legend(left: true, bottom: true).Range(yLow: 0.9 * trials.Min(trial => trial.Loss), yHigh: 1.1 * trials.Max(trial => trial.Loss));
        });
        Chart.SavePanels(lesson.Output.File("search.png", "validation loss by learning rate, width and batch"), [.. panels]);
    }

    // The test images are looked at once, when everything is decided.
    private static double Final(Lesson lesson, Trial best)
    {
        var options = new ImageClassifierOptions { LearningRate = best.Rate, BaseChannels = best.Width, BatchSize = best.Batch, Epochs = 4 };
        var (model, _) = lesson.Fit("with the best settings", options, lesson.Train);
        using var owned = model;
        return lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test)).MicroAccuracy;
    }
}
