using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module03;

/// <summary>What the sections share: the images, and models that more than one section looks at.</summary>
internal sealed class Lesson : IDisposable
{
    public const int Side = 28;
    public const int Pixels = Side * Side;
    public const int Classes = 10;

    private readonly MLContext _ml;
    private readonly IDataView _trainData;
    private readonly IDataView _testData;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<int, VaeTransformer> _vaes = [];
    private Pca? _pca;

    private Lesson(MLContext ml, IDataView train, IDataView test, bool quick, SampleOutput output, CancellationToken cancellation)
    {
        (_ml, _trainData, _testData, Quick, Output, _cancellation) = (ml, train, test, quick, output, cancellation);
        Train = LabeledImages.Read(train);
        Test = LabeledImages.Read(test);
    }

    /// <summary>Whether everything is smaller, for a first look.</summary>
    public bool Quick { get; }

    public SampleOutput Output { get; }

    public LabeledImages Train { get; }

    public LabeledImages Test { get; }

    public static string[] ClassNames { get; } = [.. Enumerable.Range(0, Classes).Select(digit => $"{digit}")];

    public Pca Pca => _pca ??= Pca.Fit(Train.Images.Take(Quick ? 1_000 : 10_000).ToArray());

    public static Lesson Load(string data, bool quick, SampleOutput output, CancellationToken cancellation = default)
    {
        var ml = new MLContext(seed: 1);
        var (trainCount, testCount) = quick ? (4_000, 1_000) : (20_000, 2_000);
        var images = ImageData.Load(ml, data, trainCount, testCount, ["mnist"], cancellation);
        return new Lesson(ml, images.Train, images.Test, quick, output, cancellation);
    }

    /// <summary>A VAE with a number of latent dimensions, trained when first asked for.</summary>
    public VaeTransformer Vae(int latentSize)
    {
        if (_vaes.TryGetValue(latentSize, out var known))
            return known;
        using var progress = new ConsoleProgress($"VAE, {latentSize} latent dimensions");
        return _vaes[latentSize] = _ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = latentSize,
            Epochs = Quick ? 6 : 15,
            // So that the numbers do not depend on how many cores there are; layers this small gain little from more.
            Threads = 1,
            Progress = progress,
            CancellationToken = _cancellation,
        }).Fit(_trainData);
    }

    /// <summary>The test images with the columns that a VAE adds.</summary>
    public IDataView Encode(VaeTransformer vae) => vae.Transform(_testData);

    /// <summary>The first latent means of the training images.</summary>
    public float[][] EncodeTrain(VaeTransformer vae, int count) =>
        [.. _ml.Data.TakeRows(vae.Transform(_trainData), count).GetColumn<float[]>("Latent")];

    /// <summary>A view of rows made in the program.</summary>
    public IDataView Rows<T>(IEnumerable<T> rows)
        where T : class => _ml.Data.LoadFromEnumerable(rows);

    public static void Title(string text) => Console.WriteLine($"\n{text}\n{new string('-', text.Length)}");

    public void Dispose()
    {
        foreach (var vae in _vaes.Values)
            vae.Dispose();
    }
}
