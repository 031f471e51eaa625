using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Trainers;
using Samples.Shared;

namespace Module01;

/// <summary>What the sections share: the images, and the two models of them.</summary>
internal sealed class Lesson : IDisposable
{
    public const int Side = 28;
    public const int Classes = 10;

    private readonly CancellationToken _cancellation;
    private readonly double[] _logPrior;
    private VaeTransformer? _generator;
    private MulticlassPredictionTransformer<MaximumEntropyModelParameters>? _classifier;

    private Lesson(MLContext ml, ImageData images, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (ML, Quick, Output, _cancellation) = (ml, quick, output, cancellation);
        ClassNames = images.ClassNames();
        TrainImages = LabeledImages.Read(images.Train);
        TestImages = LabeledImages.Read(images.Test);
        Train = Rows(TrainImages.Images, TrainImages.Labels);
        Test = Rows(TestImages.Images, TestImages.Labels);
        _logPrior = [.. Enumerable.Range(0, Classes).Select(label => Math.Log(TrainImages.Labels.Count(other => other == label) / (double)TrainImages.Count))];
    }

    public MLContext ML { get; }

    /// <summary>Images in the column Image, 784 values in 0..1, and their classes in the column Label.</summary>
    public IDataView Train { get; }

    public IDataView Test { get; }

    public LabeledImages TrainImages { get; }

    public LabeledImages TestImages { get; }

    public string[] ClassNames { get; }

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    public SampleOutput Output { get; }

    /// <summary>The discriminative model, p(class | image): ML.NET's multinomial logistic regression.</summary>
    public MulticlassPredictionTransformer<MaximumEntropyModelParameters> Classifier => _classifier ??= NewClassifier("Image").Fit(Train);

    /// <summary>The generative model, p(image | class): a variational autoencoder that is told the class.</summary>
    public VaeTransformer Generator => _generator ??= Fit("p(image | class)", new VaeOptions
    {
        InputColumnName = "Image",
        LabelColumnName = "Label",
        LatentSize = 8,
        HiddenSizes = [400, 400],
    });

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var (trainCount, testCount) = quick ? (2_000, 300) : (10_000, 2_000);
        return new Lesson(ml, ImageData.Load(ml, data, trainCount, testCount, [], cancellation), quick, output, cancellation);
    }

    /// <summary>The trainer of a classifier of a column.</summary>
    public LbfgsMaximumEntropyMulticlassTrainer NewClassifier(string column) => ML.MulticlassClassification.Trainers.LbfgsMaximumEntropy(
        // One thread, so that the numbers do not depend on how many cores there are.
        new LbfgsMaximumEntropyMulticlassTrainer.Options { FeatureColumnName = column, LabelColumnName = "Label", NumberOfThreads = 1 });

    /// <summary>Trains a VAE on <see cref="Train"/>.</summary>
    public VaeTransformer Fit(string title, VaeOptions options)
    {
        using var progress = new ConsoleProgress(title);
        options.BatchSize = 64;
        options.Epochs = Quick ? 12 : 15;
        // So that the numbers do not depend on how many cores there are; layers this small gain little from more.
        options.Threads = 1;
        options.Progress = progress;
        options.CancellationToken = _cancellation;
        return ML.Transforms.Generative().Vae(options).Fit(Train);
    }

    /// <summary>Trains a language model.</summary>
    public LanguageModelTransformer Fit(string title, LanguageModelOptions options, IDataView text)
    {
        using var progress = new ConsoleProgress(title);
        options.Threads = 1;
        options.Progress = progress;
        options.CancellationToken = _cancellation;
        return ML.Transforms.Generative().LanguageModel(options).Fit(text);
    }

    /// <summary>p(class | image) of each image, as the classifier says.</summary>
    public float[][] Classify(IEnumerable<float[]> images) => [.. Classifier.Transform(Rows(images, label: 0)).GetColumn<float[]>("Score")];

    /// <summary>log p(class) + log p(image | class) of each image and class, as the generative model says; the second is its bound.</summary>
    public double[][] LogJoint(IReadOnlyList<float[]> images)
    {
        double[][] byClass = [.. Enumerable.Range(0, Classes).Select(label =>
            Generator.Transform(Rows(images, label)).GetColumn<float>("NegativeElbo").Select(nats => _logPrior[label] - nats).ToArray())];
        return [.. Enumerable.Range(0, images.Count).Select(i => byClass.Select(column => column[i]).ToArray())];
    }

    /// <summary>The logarithm of a sum of numbers that are given as logarithms.</summary>
    public static double LogSum(IReadOnlyCollection<double> logarithms)
    {
        double largest = logarithms.Max();
        return largest + Math.Log(logarithms.Sum(value => Math.Exp(value - largest)));
    }

    public static int IndexOfMax<T>(IReadOnlyList<T> values) => values.Index().MaxBy(value => value.Item).Index;

    /// <summary>How many of the classes are right.</summary>
    public static double Share(IEnumerable<int> found, IEnumerable<int> right) => found.Zip(right).Average(pair => pair.First == pair.Second ? 1.0 : 0.0);

    public IDataView Rows(IEnumerable<float[]> images, IEnumerable<int> labels) =>
        ML.Data.LoadFromEnumerable(images.Zip(labels, (image, label) => new ImageRow { Image = image, Label = (uint)label }).ToArray());

    public IDataView Rows(IEnumerable<float[]> images, int label) => Rows(images, Enumerable.Repeat(label, int.MaxValue));

    /// <summary>The images in a column of a model's output.</summary>
    public static float[][] Column(IDataView data, string column = "Generated") => [.. data.GetColumn<float[]>(column)];

    /// <summary>Writes images as one file.</summary>
    public void Draw(string file, string description, IEnumerable<float[]> images, int columns, IReadOnlyList<string>? rows = null, IReadOnlyList<string>? captions = null) =>
        ImageGrid.Save(Output.File(file, description), images, 1, Side, Side, columns, padding: 3, scale: 2, columnCaptions: captions, rowCaptions: rows);

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    public void Dispose() => _generator?.Dispose();

    private sealed class ImageRow
    {
        [VectorType(1, Side, Side)]
        public float[] Image { get; set; } = [];

        // Counted from 0 in objects that ML.NET reads, although the key of class 0 is then 1.
        [KeyType(Classes)]
        public uint Label { get; set; }
    }
}
