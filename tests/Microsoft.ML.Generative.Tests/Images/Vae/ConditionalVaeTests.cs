using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class ConditionalVaeConformityTests : EstimatorConformity<VaeTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<VaeTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Pixels",
            LabelColumnName = "Number",
            LabelCount = 40,
            LatentSize = 3,
            Network = VaeNetworkKind.Convolutional,
            ConvolutionChannels = [4],
            Likelihood = VaeLikelihood.DiscretizedLogistic,
            KlAnnealing = KlAnnealing.Cyclical,
            KlCycles = 2,
            FreeBits = 0.1,
            Epochs = 2,
            BatchSize = 16,
            TransformBatchSize = 7,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 40);
}

public sealed class ImportanceWeightedVaeConformityTests : EstimatorConformity<VaeTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<VaeTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Pixels",
            LatentSize = 3,
            HiddenSizes = [8],
            DynamicBinarization = true,
            ImportanceSamples = 3,
            Precision = ComputePrecision.BFloat16,
            Epochs = 2,
            BatchSize = 16,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 40);
}

public sealed class ConditionalVaeTests
{
    private static VaeOptions Options() => new()
    {
        InputColumnName = "Image",
        LabelColumnName = "Label",
        HiddenSizes = [128],
        LatentSize = 4,
        Epochs = 15,
        Seed = 1,
    };

    [Fact]
    public void Asked_for_a_class_it_draws_the_class()
    {
        var ml = new MLContext(seed: 1);
        IDataView digits = ml.Generative().Datasets.Digits(3_000, seed: 1);
        using VaeTransformer model = ml.Transforms.Generative().Vae(Options()).Fit(digits);

        // Judged by a classifier that has never seen a drawn one.
        var judge = ml.Transforms.Conversion.ConvertType("Pixels", "Image", DataKind.Single)
            .Append(ml.Transforms.NormalizeMinMax("Pixels"))
            .Append(ml.MulticlassClassification.Trainers.LbfgsMaximumEntropy("Label", "Pixels")).Fit(digits);
        int right = 0;
        const int Each = 20;
        for (int label = 0; label < 10; label++)
        {
            IDataView drawn = ml.Data.LoadFromEnumerable(
                model.Generate(Each, new() { Label = label, Seed = label }).GetColumn<float[]>("Generated")
                .Select(p => new Row { Image = [.. p.Select(v => (byte)Math.Round(v * 255))], Label = (uint)label + 1 }).ToArray());
            right += judge.Transform(drawn).GetColumn<uint>("PredictedLabel").Count(predicted => predicted == label + 1);
        }

        Assert.InRange(right / (10.0 * Each), 0.85, 1);
        Assert.Equal(10, model.LabelCount);

        float[] latent = [0, 0, 0, 0];
        Assert.NotEqual(model.Decode(latent, 1), model.Decode(latent, 2));
        Assert.Equal(4, model.LatentGrid(2, 2, label: 3).GetRowCount());
    }

    [Fact]
    public void A_key_column_tells_its_classes()
    {
        var ml = new MLContext(seed: 1);
        IDataView digits = ml.Generative().Datasets.Digits(200, seed: 1);
        VaeOptions options = Options();
        options.Epochs = 1;
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(digits);
        Assert.Equal(10, model.LabelCount);
    }

    [Fact]
    public void Labels_that_are_missing_too_high_or_not_wanted_are_refused()
    {
        var ml = new MLContext(seed: 1);
        IDataView digits = ml.Generative().Datasets.Digits(50, seed: 1);
        VaeOptions options = Options();
        options.Epochs = 1;
        using VaeTransformer conditional = ml.Transforms.Generative().Vae(options).Fit(digits);
        using VaeTransformer plain = ml.Transforms.Generative().Vae(new VaeOptions { Epochs = 1 }).Fit(digits);
        Assert.Contains("expected one of 0 to 9", Assert.ThrowsAny<ArgumentException>(() => conditional.Generate(1)).Message);
        Assert.Contains("Label is 10; expected 0 to 9", Assert.ThrowsAny<ArgumentException>(() =>
            conditional.Generate(1, new() { Label = 10 })).Message);
        Assert.Contains("trained without labels", Assert.ThrowsAny<ArgumentException>(() => plain.Decode(new float[20], 1)).Message);
        Assert.Contains("'Label' is missing", Assert.ThrowsAny<ArgumentException>(() =>
            conditional.Transform(ml.Transforms.DropColumns("Label").Fit(digits).Transform(digits))).Message);

        options.LabelCount = 5;
        Assert.Contains("'Label' has 10 classes; LabelCount is 5", Assert.ThrowsAny<ArgumentException>(() =>
            ml.Transforms.Generative().Vae(options).Fit(digits)).Message);

        var numbered = new VaeOptions { InputColumnName = "Pixels", LabelColumnName = "Number", Epochs = 1 };
        IDataView tiny = TinyImages.AsVectors(ml, 9);
        Assert.Contains(
            "set LabelCount", Assert.ThrowsAny<ArgumentException>(() => ml.Transforms.Generative().Vae(numbered).Fit(tiny)).Message);
        numbered.LabelCount = 5;
        Assert.Contains("Column 'Number', row 5: the label is 5", Assert.Throws<InvalidDataException>(() =>
            ml.Transforms.Generative().Vae(numbered).Fit(tiny)).Message);
    }

    [Theory]
    [InlineData("LabelCount")]
    [InlineData("DynamicBinarization")]
    [InlineData("ImportanceSamples")]
    [InlineData("KlWarmup")]
    [InlineData("KlCycles")]
    [InlineData("FreeBits")]
    public void Options_that_contradict_each_other_are_named(string name)
    {
        VaeOptions options = name switch
        {
            "LabelCount" => new() { LabelCount = 3 },
            "DynamicBinarization" => new() { DynamicBinarization = true, Likelihood = VaeLikelihood.Gaussian },
            "ImportanceSamples" => new() { ImportanceSamples = 2, Beta = 0.5 },
            "KlWarmup" => new() { KlWarmup = 1.5 },
            "KlCycles" => new() { KlCycles = 0 },
            _ => new() { FreeBits = -1 },
        };
        Assert.StartsWith(name, Assert.ThrowsAny<ArgumentException>(() => new MLContext().Transforms.Generative().Vae(options)).Message);
    }

    [Fact]
    public void A_class_that_it_has_never_seen_scores_as_an_anomaly()
    {
        // Trained on all digits but the 0s, on the images of which it then has to raise its score.
        var ml = new MLContext(seed: 1);
        const uint HeldOut = 1;
        IDataView Without(IDataView data) => ml.Data.FilterByCustomPredicate<Row>(data, row => row.Label == HeldOut);
        using VaeTransformer model = ml.Transforms.Generative()
            .Vae(new VaeOptions { HiddenSizes = [256], LatentSize = 6, Epochs = 15, Seed = 1 })
            .Fit(Without(ml.Generative().Datasets.Digits(4_000, seed: 1)));

        IDataView test = model.Transform(ml.Generative().Datasets.Digits(1_000, seed: 2));
        float[] scores = [.. test.GetColumn<float>("NegativeElbo")];
        bool[] isAnomaly = [.. test.GetColumn<uint>("Label").Select(l => l == HeldOut)];
        double pairs = 0;
        double wins = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            for (int j = 0; isAnomaly[i] && j < scores.Length; j++)
            {
                if (isAnomaly[j])
                    continue;
                pairs++;
                wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
        }

        Assert.InRange(wins / pairs, 0.9, 1);
    }

    private sealed class Row
    {
        [VectorType(1, 28, 28)]
        public byte[] Image { get; set; } = [];

        [KeyType(10)]
        public uint Label { get; set; }
    }
}
