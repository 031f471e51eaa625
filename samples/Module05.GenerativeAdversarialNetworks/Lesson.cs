using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module05;

/// <summary>What the sections share: the images, the classifier that judges, and how a game is played.</summary>
internal sealed class Lesson : IDisposable
{
    public const int Side = 28;

    private readonly CancellationToken _cancellation;
    private readonly List<IDisposable> _trained = [];
    private ImageClassifierTransformer? _classifier;
    private GanTransformer? _generator;

    private Lesson(MLContext ml, ImageData images, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (ML, Train, Test, Quick, Output, _cancellation) = (ml, images.Train, images.Test, quick, output, cancellation);
        ClassNames = images.ClassNames();
        TestImages = LabeledImages.Read(Test);
    }

    public MLContext ML { get; }

    public IDataView Train { get; }

    public IDataView Test { get; }

    public LabeledImages TestImages { get; }

    public string[] ClassNames { get; }

    public int Classes => ClassNames.Length;

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    public SampleOutput Output { get; }

    /// <summary>How many images are drawn to be judged: as many as there are test images.</summary>
    public int Drawn => TestImages.Count;

    /// <summary>The classifier whose features images are compared by, trained when first asked for.</summary>
    public ImageClassifierTransformer Classifier
    {
        get
        {
            if (_classifier is null)
            {
                using var progress = new ConsoleProgress("classifier");
                _classifier = ML.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
                {
                    LabelColumnName = "Label",
                    InputColumnName = "Image",
                    BaseChannels = 8,
                    BatchSize = 50,
                    Epochs = Quick ? 3 : 4,
                    Seed = 1,
                    Threads = 1,
                    Progress = progress,
                    CancellationToken = _cancellation,
                }).Fit(Train);
                _trained.Add(_classifier);
            }

            return _classifier;
        }
    }

    /// <summary>What <see cref="Generator"/> reported while it was trained.</summary>
    public IReadOnlyList<TrainingProgress> History { get; private set; } = [];

    /// <summary>A generator of digits without classes, trained when first asked for.</summary>
    public GanTransformer Generator
    {
        get
        {
            if (_generator is null)
            {
                GanOptions options = Options();
                options.SampleDirectory = Output.File("while-training", "what the generator draws while it is trained, always from the same z");
                options.SampleInterval = options.MaxSteps / 5;
                (_generator, History) = Fit("digits", options);
            }

            return _generator;
        }
    }

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var (trainCount, testCount) = quick ? (1_500, 300) : (10_000, 2_000);
        return new Lesson(ml, ImageData.Load(ml, data, trainCount, testCount, ["mnist"], cancellation), quick, output, cancellation);
    }

    /// <summary>Convolutional networks that learn these images in a minute or two; or fully connected ones, which draw worse, but in seconds.</summary>
    public GanOptions Options()
    {
        var options = new GanOptions
        {
            LatentSize = 64,
            BatchSize = Quick ? 32 : 64,
            MaxSteps = Quick ? 400 : 1_000,
            LearningRate = 1e-3,
            DiscriminatorLearningRate = 4e-3,
            DiscriminatorNormalization = GanNormalization.None,
            R1Weight = 0.1,
            DiscriminatorSteps = 2,
            EmaDecay = 0.99,
        };
        if (Quick)
            options.Network = GanNetworkKind.Mlp;
        else
            options.BaseChannels = 24;
        return options;
    }

    /// <summary>Plays a game, on <see cref="Train"/> by default; the lesson disposes of the generator.</summary>
    public (GanTransformer Model, IReadOnlyList<TrainingProgress> History) Fit(string title, GanOptions options, IDataView? data = null)
    {
        using var progress = new ConsoleProgress(title);
        // So that the numbers do not depend on how many cores there are.
        (options.Threads, options.Seed) = (1, 1);
        options.Progress = progress;
        options.CancellationToken = _cancellation;
        GanTransformer model = ML.Transforms.Generative().Gan(options).Fit(data ?? Train);
        _trained.Add(model);
        return (model, progress.History);
    }

    /// <summary>How near drawn images come to the test images, and how many of them the classifier reads as each class.</summary>
    public Judgement Judge(string name, IDataView drawn, string column = "Generated")
    {
        ImageGenerationMetrics metrics = ML.Generative().EvaluateImages(Test, drawn, Classifier, generatedColumnName: column);
        return new Judgement(name, metrics, Read(drawn, column));
    }

    /// <summary>What the classifier reads images as, classes from 0.</summary>
    public int[] Read(IDataView images, string column = "Generated")
    {
        IDataView input = column == "Image" ? images : ML.Transforms.CopyColumns("Image", column).Fit(images).Transform(images);
        // The key of class 0 is 1, as always in ML.NET.
        return [.. Classifier.Transform(input).GetColumn<uint>("PredictedLabel").Select(key => (int)key - 1)];
    }

    /// <summary>The classes in turn.</summary>
    public int[] InTurn(int count) => [.. Enumerable.Range(0, count).Select(i => i % Classes)];

    public static float[][] Images(IDataView data, int count = int.MaxValue) => [.. data.GetColumn<float[]>("Generated").Take(count)];

    /// <summary>A term of the reports by step, smoothed.</summary>
    public static (double X, double Y)[] Term(IReadOnlyList<TrainingProgress> history, string name) =>
        Smooth([.. history.Where(p => p.LossTerms.ContainsKey(name)).Select(p => ((double)p.Step, p.LossTerms[name]))]);

    /// <summary>A hundred means of neighbors, to see a line in noise.</summary>
    public static (double X, double Y)[] Smooth(IReadOnlyList<(double X, double Y)> points) =>
        [.. points.Chunk(Math.Max(1, points.Count / 100)).Select(part => (part.Average(p => p.X), part.Average(p => p.Y)))];

    /// <summary>Writes images as one file.</summary>
    public void Draw(
        string file, string description, IEnumerable<float[]> images, int columns,
        IReadOnlyList<string>? rowCaptions = null, IReadOnlyList<string>? columnCaptions = null) =>
        ImageGrid.Save(Output.File(file, description), images, 1, Side, Side, columns, 3, 2, columnCaptions, rowCaptions);

    /// <summary>Ends the program's own loops when it is told to stop.</summary>
    public void CheckCancelled() => _cancellation.ThrowIfCancellationRequested();

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    public void Dispose()
    {
        foreach (IDisposable trained in _trained)
            trained.Dispose();
    }
}

/// <summary>How good drawn images are.</summary>
/// <param name="Name">Who drew them.</param>
/// <param name="Metrics">How near they come to real ones.</param>
/// <param name="Read">What the classifier reads them as.</param>
internal sealed record Judgement(string Name, ImageGenerationMetrics Metrics, int[] Read)
{
    /// <summary>The part of all images that the least drawn class has; a tenth, if ten classes are drawn equally often.</summary>
    public double LeastClass(int classes) => Enumerable.Range(0, classes).Min(label => Read.Count(read => read == label)) / (double)Read.Length;

    public static void PrintHead() => Console.WriteLine($"{"",-28} Fréchet   precision   recall   density   coverage   rarest class");

    public void Print(int classes) => Console.WriteLine(
        $"{Name,-28} {Metrics.FrechetDistance,7:F2}   {Metrics.Precision,9:P1}   {Metrics.Recall,6:P1}   {Metrics.Density,7:F2}   {Metrics.Coverage,8:P1}   {LeastClass(classes),12:P1}");
}
