using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Microsoft.ML.Generative.Tests;

public sealed class VaeConformityTests : EstimatorConformity<VaeTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<VaeTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Vae(
            new VaeOptions
            {
                InputColumnName = "Pixels",
                LatentSize = 3,
                HiddenSizes = [8],
                Epochs = 2,
                BatchSize = 8,
                TransformBatchSize = 7,
            }.With(configure));

    protected override void CallAll(VaeTransformer model)
    {
        float[] row = new float[model.RowSize];
        model.Generate(2, new() { Seed = 1 });
        model.Decode(model.Encode(row));
        model.Interpolate(row, row, 2);
        model.LatentGrid(2, 2);
    }

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 40);
}

public sealed class ConvolutionalVaeOnImagesConformityTests : EstimatorConformity<VaeTransformer>
{
    protected override string InputColumn => "Image";

    protected override bool CacheKeepsColumns => false;

    protected override IEstimator<VaeTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 3,
            Network = VaeNetworkKind.Convolutional,
            ConvolutionChannels = [4],
            Likelihood = VaeLikelihood.Gaussian,
            Epochs = 1,
            BatchSize = 8,
            TransformBatchSize = 5,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsImages(ml, 23);
}

public sealed class VaeOnFeaturesConformityTests : EstimatorConformity<VaeTransformer>
{
    protected override string InputColumn => "Features";

    protected override IEstimator<VaeTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Features",
            Likelihood = VaeLikelihood.Gaussian,
            NoiseStandardDeviation = 1,
            LatentSize = 1,
            HiddenSizes = [],
            Epochs = 2,
            BatchSize = 16,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml)
    {
        var random = new Random(4);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, 30)
            .Select(_ => new FeatureRow { Features = [random.NextSingle() * 9 - 4, random.NextSingle()] }).ToArray());
    }

    private sealed class FeatureRow
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];

        public string Name { get; set; } = "row";
    }
}

/// <summary>Small images: a bright square on dark noise, at a place that depends on the label.</summary>
internal static class TinyImages
{
    public const int Height = 6;
    public const int Width = 8;

    public static byte[] Pixels(int row, int channels)
    {
        var random = new Random(1000 + row);
        byte[] pixels = new byte[channels * Height * Width];
        random.NextBytes(pixels);
        for (int i = 0; i < pixels.Length; i++)
        {
            (int y, int x) = (i / Width % Height, i % Width);
            bool isInside = y is >= 2 and < 5 && x / 4 == row % 2;
            pixels[i] = (byte)(pixels[i] / 8 + (isInside ? 220 : 0));
        }

        return pixels;
    }

    public static IDataView AsVectors(MLContext ml, int count) => ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, count).Select(i => new VectorRow { Pixels = Pixels(i, 1), Number = i, Name = $"row {i}" }).ToArray());

    public static IDataView AsImages(MLContext ml, int count) => ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i =>
    {
        byte[] pixels = Pixels(i, 4);
        return new ImageRow { Image = MLImage.CreateFromPixels(Width, Height, MLPixelFormat.Bgra32, pixels), Number = i };
    }).ToArray());

    public sealed class VectorRow
    {
        [VectorType(1, Height, Width)]
        public byte[] Pixels { get; set; } = [];

        public int Number { get; set; }

        public string Name { get; set; } = "";
    }

    public sealed class ImageRow
    {
        [ImageType(Height, Width)]
        public MLImage? Image { get; set; }

        public int Number { get; set; }
    }
}
