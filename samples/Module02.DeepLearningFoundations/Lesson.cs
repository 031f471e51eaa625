using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>What the sections share: the images, and how networks are trained on them.</summary>
internal sealed class Lesson
{
    public const int Side = 28;
    public const int Pixels = Side * Side;

    private readonly CancellationToken _cancellation;
    private Perceptron? _trained;

    private Lesson(MLContext ml, ImageData images, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (ML, Train, Test, Quick, Output, _cancellation) = (ml, images.Train, images.Test, quick, output, cancellation);
        ClassNames = images.ClassNames();
        (TrainImages, TrainLabels) = Read(Train);
        (TestImages, TestLabels) = Read(Test);
    }

    public MLContext ML { get; }

    /// <summary>28×28 bytes in the column Image, a key in the column Label.</summary>
    public IDataView Train { get; }

    public IDataView Test { get; }

    /// <summary>The same as numbers in 0..1 and classes from 0.</summary>
    public double[][] TrainImages { get; }

    public int[] TrainLabels { get; }

    public double[][] TestImages { get; }

    public int[] TestLabels { get; }

    public string[] ClassNames { get; }

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    public SampleOutput Output { get; }

    public int HiddenUnits => Quick ? 32 : 64;

    public int Epochs => Quick ? 4 : 5;

    /// <summary>A perceptron before it has learned anything.</summary>
    public Perceptron NewPerceptron() => new(Pixels, HiddenUnits, ClassNames.Length, seed: 1);

    /// <summary>A perceptron that has learned, by Adam.</summary>
    public Perceptron Trained
    {
        get
        {
            if (_trained is null)
                Learn(_trained = NewPerceptron(), new Adam(0.003));
            return _trained;
        }
    }

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var (trainCount, testCount) = quick ? (1_500, 500) : (10_000, 2_000);
        return new Lesson(ml, ImageData.Load(ml, data, trainCount, testCount, ["mnist"], cancellation), quick, output, cancellation);
    }

    /// <summary>Trains a perceptron; always in the same order of images.</summary>
    /// <returns>The loss of each batch.</returns>
    public List<double> Learn(Perceptron network, IOptimizer optimizer, int batch = 50)
    {
        List<double> losses = [];
        int[] order = [.. Enumerable.Range(0, TrainImages.Length)];
        var random = new Random(2);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (var rows in order.Chunk(batch))
            {
                _cancellation.ThrowIfCancellationRequested();
                var (loss, gradient) = network.Backward([.. rows.Select(i => TrainImages[i])], [.. rows.Select(i => TrainLabels[i])]);
                optimizer.Step(network.Weights, gradient);
                losses.Add(loss);
            }
        }

        return losses;
    }

    /// <summary>Trains the library's image classifier.</summary>
    public (ImageClassifierTransformer Model, IReadOnlyList<TrainingProgress> History) Fit(string title, ImageClassifierOptions options, IDataView data)
    {
        using var progress = new ConsoleProgress(title);
        // So that the numbers do not depend on how many cores there are.
        options.Threads = 1;
        options.Progress = progress;
        options.CancellationToken = _cancellation;
        var model = ML.Transforms.Generative().ImageClassifier(options).Fit(data);
        return (model, progress.History);
    }

    /// <summary>The mean of each few values, to see a line in noise.</summary>
    public static (double X, double Y)[] Smooth(IReadOnlyList<double> values, int few) =>
        [.. values.Chunk(few).Select((part, i) => ((i + 0.5) * few, part.Average()))];

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    private static (double[][], int[]) Read(IDataView data)
    {
        LabeledImages read = LabeledImages.Read(data);
        return ([.. read.Images.Select(image => Array.ConvertAll(image, pixel => (double)pixel))], read.Labels);
    }
}
