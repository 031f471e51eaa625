using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;

namespace Module07;

/// <summary>What the sections share: the images, and the model that most of them draw with.</summary>
internal sealed class Lesson : IDisposable
{
    public const int Side = 28;
    public const int Classes = 10;

    private readonly CancellationToken _cancellation;
    private readonly List<DiffusionTransformer> _trained = [];
    private DiffusionTransformer? _model;

    private Lesson(MLContext ml, ImageData images, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (ML, DataName, Train, Test, Quick, Output, _cancellation) = (ml, images.Name, images.Train, images.Test, quick, output, cancellation);
        TestImages = LabeledImages.Read(Test);
        Judge = new Judge(LabeledImages.Read(Train, 4_000));
    }

    public MLContext ML { get; }

    public string DataName { get; }

    public IDataView Train { get; }

    public IDataView Test { get; }

    public LabeledImages TestImages { get; }

    /// <summary>Says which class an image looks like.</summary>
    public Judge Judge { get; }

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    public SampleOutput Output { get; }

    /// <summary>What <see cref="Model"/> reported while it was trained.</summary>
    public IReadOnlyList<TrainingProgress> History { get; private set; } = [];

    /// <summary>A model of all classes that tells the velocity, trained when first asked for.</summary>
    public DiffusionTransformer Model
    {
        get
        {
            if (_model is null)
            {
                DiffusionOptions options = Options();
                options.SampleDirectory = Output.File("while-training", "what the model draws while it is trained");
                options.SampleInterval = options.MaxSteps / 4;
                (_model, History) = Fit("velocity", options);
            }

            return _model;
        }
    }

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var (trainCount, testCount) = quick ? (1_000, 200) : (10_000, 1_000);
        return new Lesson(ml, ImageData.Load(ml, data, trainCount, testCount, [], cancellation), quick, output, cancellation);
    }

    /// <summary>A U-Net that learns these images in a few minutes.</summary>
    public DiffusionOptions Options() => new()
    {
        LabelColumnName = "Label",
        BlockChannels = Quick ? [8, 16, 16] : [16, 32, 64],
        NoiseSchedule = new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine },
        Prediction = PredictionType.Velocity,
        MaxSteps = Quick ? 60 : 1_000,
        BatchSize = Quick ? 16 : 32,
        LearningRate = 1e-3,
        EmaDecay = 0.99,
        Seed = 1,
    };

    /// <summary>Trains a model, which the lesson disposes of.</summary>
    public (DiffusionTransformer Model, IReadOnlyList<TrainingProgress> History) Fit(string title, DiffusionOptions options)
    {
        List<TrainingProgress> history = [];
        using var bar = new ConsoleProgress(title);
        // So that the numbers do not depend on how many cores there are.
        options.Threads = 1;
        options.Progress = new Both(bar, history);
        options.CancellationToken = _cancellation;
        DiffusionTransformer trained = ML.Transforms.Generative().Diffusion(options).Fit(Train);
        _trained.Add(trained);
        return (trained, history);
    }

    /// <summary>Options to draw with that stop when the program is told to.</summary>
    public DiffusionGenerateOptions Drawing(DiffusionSampler sampler, int steps, double guidanceScale = 1) => new()
    {
        Seed = 1,
        Sampler = sampler,
        Steps = Quick ? Math.Max(2, steps / 10) : steps,
        GuidanceScale = guidanceScale,
        CancellationToken = _cancellation,
    };

    /// <summary>The first image of a class.</summary>
    public float[] Example(int label) => TestImages.Images[Array.IndexOf(TestImages.Labels, label)];

    public static float[][] Images(IDataView data) => [.. data.GetColumn<float[]>("Generated")];

    /// <summary>The classes in turn.</summary>
    public static int[] InTurn(int count) => [.. Enumerable.Range(0, count).Select(i => i % Classes)];

    /// <summary>Writes images as one file.</summary>
    public void Draw(
        string file, string description, IEnumerable<float[]> images, int columns,
        IReadOnlyList<string>? rowCaptions = null, IReadOnlyList<string>? columnCaptions = null) =>
        ImageGrid.Save(Output.File(file, description), images, 1, Side, Side, columns, 3, 2, columnCaptions, rowCaptions);

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    public void Dispose()
    {
        foreach (DiffusionTransformer trained in _trained)
            trained.Dispose();
    }

    private sealed class Both(IProgress<TrainingProgress> bar, List<TrainingProgress> history) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            bar.Report(value);
            history.Add(value);
        }
    }
}
