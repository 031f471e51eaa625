using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// A conditional DCGAN on MNIST: the share of 1,000 samples that a classifier, which learns beside it, reads as the digit asked for;
/// distance and coverage of 5,000 samples, beside those of as many training images, all against the same test images.
/// </summary>
internal static class MnistGanWorkload
{
    private const int Asked = 1000;
    private const int Compared = 5000;
    private const int Classes = 10;
    private const long DefaultSteps = 8000;

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        DataOperationsCatalog.TrainTestData data = ml.Generative().Datasets.Mnist();
        using ImageClassifierTransformer classifier = ml.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            Epochs = 2,
            LearningRateSchedule = LearningRateSchedule.Cosine,
            Precision = ComputePrecision.Auto,
            Threads = settings.Threads,
            Seed = 1,
        }).Fit(data.TrainSet);
        double accuracy = ml.MulticlassClassification.Evaluate(classifier.Transform(data.TestSet)).MicroAccuracy;

        GanOptions options = Options(settings);
        var watch = Stopwatch.StartNew();
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(data.TrainSet);
        double seconds = watch.Elapsed.TotalSeconds;

        int[] digits = [.. Enumerable.Range(0, Compared).Select(i => i % Classes)];
        IDataView drawn = model.Generate(Compared, new() { Seed = 1, Labels = digits });
        IDataView test = ml.Data.TakeRows(data.TestSet, Compared);
        ImageGenerationMetrics generated = ml.Generative().EvaluateImages(test, drawn, classifier);
        ImageGenerationMetrics real = ml.Generative().EvaluateImages(
            test, ml.Data.TakeRows(data.TrainSet, Compared), classifier, generatedColumnName: "Image");
        return new
        {
            workload = "mnist-gan",
            steps = options.MaxSteps,
            fit_seconds = Math.Round(seconds, 1),
            classifier_test_accuracy = Math.Round(accuracy, 4),
            read_as_asked = ReadAsAsked(ml, classifier, model.Generate(Asked, new() { Seed = 2, Labels = digits[..Asked] }), digits),
            generated = Numbers(generated),
            real = Numbers(real),
        };
    }

    private static GanOptions Options(BenchmarkSettings settings) => new()
    {
        LabelColumnName = "Label",
        BaseChannels = 32,
        LatentSize = 64,
        DiscriminatorNormalization = GanNormalization.None,
        R1Weight = 0.1,
        DiscriminatorSteps = 2,
        LearningRate = 1e-3,
        DiscriminatorLearningRate = 4e-3,
        Precision = ComputePrecision.Auto,
        MaxSteps = settings.Stream.Steps ?? DefaultSteps,
        LearningRateSchedule = LearningRateSchedule.Cosine,
        SampleDirectory = Path.Combine(Path.GetTempPath(), "mnist-gan"),
        SampleInterval = 1000,
        Threads = settings.Threads,
        Seed = 1,
        Progress = new Lines(),
    };

    // The predicted key counts from 1.
    private static double ReadAsAsked(MLContext ml, ImageClassifierTransformer classifier, IDataView drawn, int[] digits)
    {
        IDataView asImages = ml.Transforms.CopyColumns("Image", "Generated").Fit(drawn).Transform(drawn);
        uint[] read = [.. classifier.Transform(asImages).GetColumn<uint>("PredictedLabel")];
        return read.Zip(digits).Count(pair => pair.First == pair.Second + 1) / (double)read.Length;
    }

    private static object Numbers(ImageGenerationMetrics metrics) => new
    {
        frechet = Math.Round(metrics.FrechetDistance, 2),
        kernel = Math.Round(metrics.KernelDistance, 3),
        kernel_error = Math.Round(metrics.KernelDistanceStandardError, 3),
        precision = Math.Round(metrics.Precision, 3),
        recall = Math.Round(metrics.Recall, 3),
        density = Math.Round(metrics.Density, 3),
        coverage = Math.Round(metrics.Coverage, 3),
    };

    private sealed class Lines : IProgress<TrainingProgress>
    {
        private const int Interval = 200;

        private long _next;

        public void Report(TrainingProgress value)
        {
            if (value.Step < _next)
                return;
            _next = value.Step + Interval;
            string terms = string.Join(", ", value.LossTerms.Select(term => FormattableString.Invariant($"{term.Key} {term.Value:F3}")));
            Console.Error.WriteLine(FormattableString.Invariant($"step {value.Step} {value.Elapsed.TotalSeconds:F0} s: {terms}"));
        }
    }
}
