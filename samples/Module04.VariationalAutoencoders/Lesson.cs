using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>What the sections share: the images, and models that more than one section looks at.</summary>
internal sealed class Lesson : IDisposable
{
    public const int Side = 28;
    public const int Pixels = Side * Side;

    private readonly CancellationToken _cancellation;
    private readonly List<VaeTransformer> _trained = [];
    private VaeTransformer? _plain;
    private VaeTransformer? _plane;

    private Lesson(MLContext ml, ImageData images, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (ML, DataName, Train, Test, Quick, Output, _cancellation) = (ml, images.Name, images.Train, images.Test, quick, output, cancellation);
        ClassNames = images.ClassNames();
        TestImages = LabeledImages.Read(Test);
        TrainImages = LabeledImages.Read(Train, 4_000);
    }

    public MLContext ML { get; }

    public string DataName { get; }

    public IDataView Train { get; }

    public IDataView Test { get; }

    /// <summary>The first images to learn from, for comparisons with each.</summary>
    public LabeledImages TrainImages { get; }

    public LabeledImages TestImages { get; }

    public string[] ClassNames { get; }

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    /// <summary>How often a training goes through the images.</summary>
    public int Epochs => Quick ? 8 : 15;

    public SampleOutput Output { get; }

    /// <summary>A VAE with 16 latent dimensions, trained when first asked for.</summary>
    public VaeTransformer Plain => _plain ??= Fit("VAE, 16 latent dimensions", new VaeOptions { LatentSize = 16, Epochs = Epochs });

    /// <summary>A VAE with 2 latent dimensions, trained when first asked for.</summary>
    public VaeTransformer Plane => _plane ??= Fit("VAE, 2 latent dimensions", new VaeOptions { LatentSize = 2, Epochs = Epochs });

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var (trainCount, testCount) = quick ? (4_000, 1_000) : (20_000, 2_000);
        return new Lesson(ml, ImageData.Load(ml, data, trainCount, testCount, ["mnist", "fashion-mnist"], cancellation), quick, output, cancellation);
    }

    /// <summary>Trains a VAE, on <see cref="Train"/> by default; the lesson disposes of it.</summary>
    public VaeTransformer Fit(string title, VaeOptions options, IDataView? data = null)
    {
        using var progress = new ConsoleProgress(title);
        options.InputColumnName = "Image";
        // So that the numbers do not depend on how many cores there are; layers this small gain little from more.
        options.Threads = 1;
        options.Progress = progress;
        options.CancellationToken = _cancellation;
        var trained = ML.Transforms.Generative().Vae(options).Fit(data ?? Train);
        _trained.Add(trained);
        return trained;
    }

    /// <summary>How many test images get their right class from the nearest training images, by what a transformer writes into the column Latent.</summary>
    public double ClassFromLatent(ITransformer map) =>
        new Neighbors(Column(map.Transform(Train), "Latent", TrainImages.Count), TrainImages.Labels)
            .Accuracy(Column(map.Transform(Test), "Latent"), TestImages.Labels);

    /// <summary>The first vectors of a column, images unless it is another.</summary>
    public static float[][] Column(IDataView data, string column = "Generated", int count = int.MaxValue) =>
        [.. data.GetColumn<float[]>(column).Take(count)];

    /// <summary>Writes images as one file.</summary>
    public void Draw(
        string file, string description, IEnumerable<float[]> images, int columns, int scale = 2, int padding = 3,
        IReadOnlyList<string>? rowCaptions = null, IReadOnlyList<string>? columnCaptions = null) =>
        ImageGrid.Save(Output.File(file, description), images, 1, Side, Side, columns, padding, scale, columnCaptions, rowCaptions);

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    public void Dispose()
    {
        foreach (var trained in _trained)
            trained.Dispose();
    }
}
