using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A classifier of drawn digits, trained once.</summary>
public sealed class DigitClassifier : IDisposable
{
    public MLContext Context { get; } = new(seed: 1);

    public ImageClassifierTransformer Model { get; }

    public DigitClassifier() => Model = Context.Transforms.Generative().ImageClassifier(
        new ImageClassifierOptions { BaseChannels = 8, Epochs = 3, BatchSize = 32, FeaturesColumnName = "Features", Seed = 1 }).Fit(
            Context.Generative().Datasets.Digits(1_200, seed: 1));

    public void Dispose() => Model.Dispose();
}

public sealed class ImageEvaluationTests(DigitClassifier digits) : IClassFixture<DigitClassifier>
{
    private readonly MLContext _ml = digits.Context;

    private IDataView Digits(int count, int seed) => _ml.Generative().Datasets.Digits(count, seed: seed);

    // The same images as floats, with noise.
    private IDataView Noisy(int count, int seed, float deviation)
    {
        var random = new RowRandom(seed, 99);
        return _ml.Data.LoadFromEnumerable(Digits(count, seed).GetColumn<byte[]>("Image").Select(image => new Image
        {
            Generated = [.. image.Select(pixel => Math.Clamp(pixel / 255f + deviation * random.NextBell(), 0, 1))],
        }).ToArray());
    }

    [Fact]
    public void Between_halves_of_the_same_data_it_is_near_zero_and_grows_with_noise()
    {
        IDataView real = Digits(500, seed: 11);
        ImageGenerationMetrics[] metrics =
            [.. new[] { 0, 0.1f, 0.25f, 0.5f }.Select(noise => _ml.Generative().EvaluateImages(real, Noisy(500, 12, noise), digits.Model))];

        Assert.InRange(Math.Abs(metrics[0].KernelDistance), 0, 3 * metrics[0].KernelDistanceStandardError);
        Assert.InRange(metrics[0].FrechetDistance, 0, 0.1 * metrics[^1].FrechetDistance);
        Assert.InRange(metrics[0].Density, 0.85, 1.15);
        Assert.All((double[])[metrics[0].Precision, metrics[0].Recall, metrics[0].Coverage], share => Assert.InRange(share, 0.8, 1));
        foreach ((ImageGenerationMetrics less, ImageGenerationMetrics more) in metrics.Zip(metrics.Skip(1)))
        {
            Assert.True(less.FrechetDistance < more.FrechetDistance);
            Assert.True(less.KernelDistance < more.KernelDistance);
            Assert.True(less.Coverage >= more.Coverage);
        }

        Assert.InRange(metrics[^1].Coverage, 0, 0.1);
        Assert.Equal((500, 500, 32), (metrics[0].RealRows, metrics[0].GeneratedRows, metrics[0].FeatureSize));
        Assert.Null(metrics[0].ClassAccuracy);
    }

    [Fact]
    public void Class_accuracy_is_the_classifiers_accuracy_on_the_labels_asked_for()
    {
        IDataView noisy = _ml.Data.LoadFromEnumerable(
            Noisy(200, 12, 0.4f).GetColumn<float[]>("Generated").Zip(Digits(200, seed: 12).GetColumn<uint>("Label"))
            .Select(row => new LabeledImage { Generated = row.First, Label = (int)row.Second - 1 }).ToArray());
        int right = digits.Model.Transform(_ml.Transforms.CopyColumns("Image", "Generated").Fit(noisy).Transform(noisy))
            .GetColumn<uint>("PredictedLabel")
            .Zip(noisy.GetColumn<int>("Label")).Count(row => row.First - 1 == row.Second);
        Assert.InRange(right, 20, 195);

        ImageGenerationMetrics metrics = _ml.Generative().EvaluateImages(
            Digits(100, seed: 11), noisy, new ImageEvaluationOptions { Classifier = digits.Model, LabelColumnName = "Label" });
        Assert.Equal(right / 200.0, metrics.ClassAccuracy);
    }

    [Fact]
    public void Columns_of_features_and_images_give_the_same_metrics()
    {
        (IDataView first, IDataView second) = (Digits(80, seed: 11), Digits(70, seed: 12));
        ImageGenerationMetrics images = _ml.Generative().EvaluateImages(
            first, second, new ImageEvaluationOptions { Classifier = digits.Model, GeneratedColumnName = "Image", Seed = 3 });
        ImageGenerationMetrics columns = _ml.Generative().EvaluateImages(
            digits.Model.Transform(first), digits.Model.Transform(second), new ImageEvaluationOptions
            {
                RealColumnName = "Features",
                GeneratedColumnName = "Features",
                Features = ImageFeatureExtractor.Columns,
                Seed = 3,
            });
        Assert.Equal(images.FrechetDistance, columns.FrechetDistance, 1e-4 * images.FrechetDistance);
        Assert.Equal(
            images.KernelDistance, columns.KernelDistance, 1e-4 * (Math.Abs(images.KernelDistance) + images.KernelDistanceStandardError));
        Assert.Equal(
            (images.RealRows, images.GeneratedRows, images.Precision, images.Recall, images.Density, images.Coverage),
            (columns.RealRows, columns.GeneratedRows, columns.Precision, columns.Recall, columns.Density, columns.Coverage));
    }

    [Fact]
    public void A_script_that_changes_nothing_gives_the_metrics_of_pixels_and_a_warning_of_few_rows()
    {
        var ml = new MLContext(seed: 1);
        List<string> warnings = Logs.Warnings(ml);
        using var folder = new TemporaryFolder();
        TorchScriptFile.Write(folder.File("same.pt"), "x");
        var options = new ImageEvaluationOptions { GeneratedColumnName = "Image", Seed = 1 };
        ImageGenerationMetrics pixels = ml.Generative().EvaluateImages(Digits(20, seed: 11), Digits(30, seed: 12), options);
        Assert.Contains(warnings, w => w.Contains("The real data has 20 rows of 784 features"));
        options.Features = ImageFeatureExtractor.TorchScript(folder.File("same.pt"));
        Assert.Equal(pixels, ml.Generative().EvaluateImages(Digits(20, seed: 11), Digits(30, seed: 12), options));
    }

    [Fact]
    public void What_cannot_be_compared_is_refused_by_name()
    {
        IDataView real = Digits(10, seed: 1);
        string Message(IDataView generated, ImageEvaluationOptions? options = null) => Assert.ThrowsAny<Exception>(
            () => _ml.Generative().EvaluateImages(real, generated, options ?? new())).Message;
        ImageEvaluationOptions Image() => new() { GeneratedColumnName = "Image" };
        ImageEvaluationOptions With(Action<ImageEvaluationOptions> change)
        {
            ImageEvaluationOptions options = Image();
            change(options);
            return options;
        }

        Assert.Contains("'Generated' is missing", Message(real));
        Assert.Contains("The generated data has 3 rows; expected at least 4", Message(Digits(3, seed: 2), Image()));
        Assert.Contains("The real data has 10 rows; expected at least 13", Message(real, With(o => o.DensityNeighbors = 12)));
        Assert.Contains("KernelSubsetSize is 11, but the real data has 10 rows", Message(real, With(o => o.KernelSubsetSize = 11)));
        Assert.Contains("KernelSubsetSize is 1", Message(real, With(o => o.KernelSubsetSize = 1)));
        Assert.Contains("PrecisionNeighbors is 0", Message(real, With(o => o.PrecisionNeighbors = 0)));
        Assert.Contains("LabelColumnName is 'Label', but there is no Classifier", Message(real, With(o => o.LabelColumnName = "Label")));
        Assert.Contains("Features takes columns of features", Message(real, With(o =>
            (o.LabelColumnName, o.Classifier, o.Features) = ("Label", digits.Model, ImageFeatureExtractor.Columns))));
        Assert.Contains("set Features to ImageFeatureExtractor.Columns", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Generative().EvaluateImages(_ml.Data.LoadFromEnumerable([new Flat()]), real, realColumnName: "Generated")).Message);
        Assert.Contains("Column 'Generated', row 0: value 0 is 255; expected -0.5 to 1.5", Message(_ml.Data.LoadFromEnumerable(
            [new Image { Generated = [255, .. new float[783]] }])));
        Assert.Contains("Column 'Image' holds images of", Message(_ml.Data.LoadFromEnumerable([new Small()]), Image()));
        Assert.Contains("holds images of", Assert.ThrowsAny<ArgumentException>(() => _ml.Generative().EvaluateImages(
            _ml.Data.LoadFromEnumerable([new Small()]), real,
            new ImageEvaluationOptions { Classifier = digits.Model, GeneratedColumnName = "Image" })).Message);

        IDataView otherKeys = LabeledDigits(i => i % 2 == 0 ? "odd" : "even");
        Assert.Contains("Column 'Label' has the key values 'odd', 'even', but the classes of the model are", Message(
            otherKeys, new() { Classifier = digits.Model, LabelColumnName = "Label" }));
    }

    [Fact]
    public void A_cancelled_context_stops_it()
    {
        var ml = new MLContext(seed: 1);
        ml.CancelExecution();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            ml.Generative().EvaluateImages(Digits(10, seed: 1), Digits(10, seed: 2), generatedColumnName: "Image"));
    }

    private IDataView LabeledDigits(Func<int, string> label)
    {
        IDataView rows = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 10).Select(i => new TextImage { Label = label(i) }).ToArray());
        return _ml.Transforms.Conversion.MapValueToKey("Label").Fit(rows).Transform(rows);
    }

    private class Image
    {
        [VectorType(1, 28, 28)]
        public float[] Generated { get; set; } = new float[784];
    }

    private sealed class LabeledImage : Image
    {
        public int Label { get; set; }
    }

    private sealed class TextImage : Image
    {
        public string Label { get; set; } = "";
    }

    private sealed class Flat
    {
        [VectorType(784)]
        public float[] Generated { get; set; } = new float[784];
    }

    private sealed class Small
    {
        [VectorType(1, 14, 28)]
        public byte[] Image { get; set; } = new byte[392];
    }
}

[Collection(GlobalTorchState.Name)]
public sealed class ImageEvaluationMemoryTests
{
    [Fact]
    public void No_tensor_is_left_behind()
    {
        var ml = new MLContext(seed: 1);
        IDataView digits = ml.Generative().Datasets.Digits(40, seed: 1);
        Assert.Equal(0, TensorCounts.Growth(() => ml.Generative().EvaluateImages(digits, digits, generatedColumnName: "Image"), times: 5));
    }
}
