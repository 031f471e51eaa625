using System.IO.Compression;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What a trained model does, on one model for the whole class.</summary>
public sealed class VaeTests(VaeTests.TrainedModel trained) : IClassFixture<VaeTests.TrainedModel>
{
    private const int Size = TinyImages.Height * TinyImages.Width;

    private readonly MLContext _ml = trained.Ml;
    private readonly VaeTransformer _model = trained.Model;

    public sealed class TrainedModel : IDisposable
    {
        public MLContext Ml { get; } = new(seed: 1);

        public List<TrainingProgress> Reports { get; } = [];

        public VaeTransformer Model { get; }

        public TrainedModel() => Model = Ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Pixels",
            LatentSize = 2,
            HiddenSizes = [32],
            BatchSize = 16,
            Epochs = 60,
            LearningRate = 5e-3,
            ValidationData = TinyImages.AsVectors(Ml, 40),
            Progress = new SynchronousProgress(Reports.Add),
        }).Fit(TinyImages.AsVectors(Ml, 160));

        public void Dispose() => Model.Dispose();
    }

    [Fact]
    public void Training_lowers_the_loss_on_data_that_it_has_not_seen()
    {
        double[] validation = [.. trained.Reports.Select(r => r.ValidationLoss).OfType<double>()];
        Assert.Equal(60, validation.Length);

        // Before training every pixel costs about 0.69 nats of 48; afterwards the noise's entropy is left.
        Assert.InRange(validation[0], 20, 40);
        Assert.True(validation[^1] < validation[0] - 8, $"{validation[0]} → {validation[^1]}");
        Assert.Equal(trained.Reports[^1].Loss, trained.Reports[^1].LossTerms["reconstruction"] + trained.Reports[^1].LossTerms["kl"], 1e-3);
    }

    [Fact]
    public void Rows_unlike_the_training_data_score_as_anomalies()
    {
        IDataView usual = TinyImages.AsVectors(_ml, 20);
        IDataView unusual = _ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 20).Select(i => new TinyImages.VectorRow { Pixels = Noise(i) }).ToArray());
        float[] usualScores = [.. _model.Transform(usual).GetColumn<float>("NegativeElbo")];
        float[] unusualScores = [.. _model.Transform(unusual).GetColumn<float>("NegativeElbo")];
        Assert.True(usualScores.Max() < unusualScores.Min());
    }

    [Fact]
    public void Reconstructions_are_nearer_to_their_rows_than_to_other_classes()
    {
        IDataView output = _model.Transform(TinyImages.AsVectors(_ml, 2));
        float[][] reconstructions = [.. output.GetColumn<float[]>("Reconstruction")];
        for (int i = 0; i < 2; i++)
        {
            Assert.True(
                Distance(reconstructions[i], TinyImages.Pixels(i, 1)) < Distance(reconstructions[i], TinyImages.Pixels(1 - i, 1)) / 4);
        }
    }

    [Fact]
    public void Generated_rows_look_like_the_training_data()
    {
        float[][] rows = Generated(_model.Generate(50, new() { Seed = 3 }));
        Assert.Equal(50, rows.Length);
        Assert.All(rows, row => Assert.All(row, value => Assert.InRange(value, 0, 1)));

        // Outside of the square's rows everything is dark.
        Assert.True(rows.Average(row => row.Take(2 * TinyImages.Width).Average()) < 0.15);
        Assert.True(rows.Average(row => row.Max()) > 0.7);
    }

    [Fact]
    public void The_same_seed_draws_the_same_rows_whatever_their_number()
    {
        float[][] ten = Generated(_model.Generate(10, new() { Seed = 3 }));
        Close(ten[..4], Generated(_model.Generate(4, new() { Seed = 3 })));
        Assert.NotEqual(ten[0], Generated(_model.Generate(1, new() { Seed = 4 }))[0]);
        Assert.NotEqual(ten[0], ten[1]);
        Assert.Empty(Generated(_model.Generate(0)));
    }

    [Fact]
    public void Temperature_zero_draws_the_decoded_origin()
    {
        float[][] rows = Generated(_model.Generate(2, new() { Temperature = 0 }));
        Close([_model.Decode([0, 0]), _model.Decode([0, 0])], rows);
    }

    [Fact]
    public void Generated_images_carry_their_shape()
    {
        Assert.True(ImageShape.TryGet(_model.Generate(1).Schema["Generated"].Type, out ImageShape shape));
        Assert.Equal(new ImageShape(1, TinyImages.Height, TinyImages.Width), shape);
    }

    [Fact]
    public void Encoding_a_row_gives_its_latent_column()
    {
        float[] expected = _model.Transform(TinyImages.AsVectors(_ml, 1)).GetColumn<float[]>("Latent").Single();
        Close([expected], [_model.Encode(Intensities(0))]);
    }

    [Fact]
    public void Interpolation_begins_and_ends_with_the_rows_own_reconstructions()
    {
        float[][] rows = Generated(_model.Interpolate(Intensities(0), Intensities(1), 5));
        Assert.Equal(5, rows.Length);
        Close([_model.Decode(_model.Encode(Intensities(0)))], rows[..1]);
        Close([_model.Decode(_model.Encode(Intensities(1)))], rows[4..]);
        float[] middle = [.. _model.Encode(Intensities(0)).Zip(_model.Encode(Intensities(1)), (a, b) => (a + b) / 2)];
        Close([_model.Decode(middle)], rows[2..3]);
    }

    [Fact]
    public void The_latent_grid_covers_the_prior_in_equally_probable_steps()
    {
        float[][] rows = Generated(_model.LatentGrid(2, 4));
        Assert.Equal(8, rows.Length);

        // Quantiles 1/8, 3/8, 5/8, 7/8 of the standard normal, from left to right; 1/4, 3/4 from top to bottom.
        Close([_model.Decode([-1.15034938f, -0.67448975f]), _model.Decode([0.31863936f, -0.67448975f])], [rows[0], rows[2]]);
        Close([_model.Decode([1.15034938f, 0.67448975f])], rows[7..]);
    }

    [Fact]
    public void Evaluation_is_the_mean_of_the_scores_and_its_parts_add_up()
    {
        IDataView output = _model.Transform(TinyImages.AsVectors(_ml, 30));
        VaeMetrics metrics = _ml.Generative().EvaluateVae(output);
        Assert.Equal(30, metrics.Rows);
        Assert.Equal(output.GetColumn<float>("NegativeElbo").Average(), metrics.NegativeElbo, 1e-4);
        Assert.Equal(output.GetColumn<float>("ReconstructionError").Average(), metrics.ReconstructionError, 1e-4);
        Assert.True(metrics.KlDivergence > 0.1);
        Assert.Equal(metrics.NegativeElbo, metrics.ReconstructionError + metrics.KlDivergence, 1e-9);
    }

    [Fact]
    public void Evaluating_rows_that_were_not_transformed_names_the_missing_column()
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => _ml.Generative().EvaluateVae(TinyImages.AsVectors(_ml, 2)));
        Assert.Contains("'NegativeElbo' is missing", error.Message);
    }

    [Fact]
    public void A_prediction_engine_gives_the_scores_of_a_batch()
    {
        float[] expected = [.. _model.Transform(TinyImages.AsVectors(_ml, 5)).GetColumn<float>("NegativeElbo")];
        var engine = _ml.Model.CreatePredictionEngine<TinyImages.VectorRow, Prediction>(
            _model, new PredictionEngineOptions { OwnsTransformer = false });
        for (int i = 0; i < 5; i++)
        {
            Prediction prediction = engine.Predict(new TinyImages.VectorRow { Pixels = TinyImages.Pixels(i, 1) });
            Assert.Equal(expected[i], prediction.NegativeElbo, 1e-3);
            Assert.Equal(Size, prediction.Reconstruction.Length);
        }
    }

    [Fact]
    public void Arguments_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.Generate(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.Generate(1, new() { Temperature = -1 }));
        Assert.Throws<ArgumentException>(() => _model.Encode(new float[3]));
        Assert.Throws<ArgumentException>(() => _model.Decode(new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.Interpolate(Intensities(0), Intensities(1), 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.LatentGrid(0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.LatentGrid(2, 2, dimensionX: 2));
    }

    [Fact]
    public void Options_out_of_range_are_named_when_the_estimator_is_made()
    {
        Assert.Contains("LatentSize is 0", Refused(new VaeOptions { LatentSize = 0 }));
        Assert.Contains("Beta is NaN", Refused(new VaeOptions { Beta = double.NaN }));
        Assert.Contains("HiddenSizes is [3, 0]", Refused(new VaeOptions { HiddenSizes = [3, 0] }));
        Assert.Contains("LearningRate is -1", Refused(new VaeOptions { LearningRate = -1 }));
        Assert.Contains("different names", Refused(new VaeOptions { LatentColumnName = "A", ReconstructionColumnName = "A" }));

        string Refused(VaeOptions options) => Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Vae(options)).Message;
    }

    [Fact]
    public void Changing_the_options_afterwards_changes_nothing()
    {
        var options = new VaeOptions { InputColumnName = "Pixels", LatentSize = 3, HiddenSizes = [4], Epochs = 1 };
        VaeEstimator estimator = _ml.Transforms.Generative().Vae(options);
        options.LatentSize = 5;
        options.HiddenSizes[0] = 0;
        using VaeTransformer model = estimator.Fit(TinyImages.AsVectors(_ml, 4));
        Assert.Equal(3, model.LatentSize);
    }

    [Fact]
    public void A_convolutional_network_on_plain_features_asks_for_their_shape()
    {
        var data = _ml.Data.LoadFromEnumerable([new Features()]);
        ArgumentException error = Assert.Throws<ArgumentException>(() => _ml.Transforms.Generative()
            .Vae(new VaeOptions { InputColumnName = "Values", Network = VaeNetworkKind.Convolutional }).Fit(data));
        Assert.Contains("Network is Convolutional, but the shape of the images in column 'Values' is unknown", error.Message);
        Assert.Contains("Height and Width", error.Message);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("autoencoder.safetensors")]
    public void A_damaged_model_file_is_refused_with_the_entrys_name(string entry)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.zip");
        _ml.Model.Save(_model, TinyImages.AsVectors(_ml, 1).Schema, path);
        using (ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            ZipArchiveEntry found = zip.Entries.Single(e => e.Name == entry);
            using Stream stream = found.Open();
            stream.Seek(stream.Length / 2, SeekOrigin.Begin);
            int value = stream.ReadByte();
            stream.Seek(-1, SeekOrigin.Current);
            stream.WriteByte((byte)(value ^ 1));
        }

        Exception error = Assert.ThrowsAny<Exception>(() => new MLContext().Model.Load(path, out _));
        Assert.Contains(entry, (error as InvalidDataException ?? error.InnerException)!.Message);
    }

    private static float[][] Generated(IDataView data) => [.. data.GetColumn<float[]>("Generated")];

    private static void Close(float[][] expected, float[][] actual) => Rows.AssertEqual(
        [.. expected.Select(row => new object?[] { row })], [.. actual.Select(row => new object?[] { row })], tolerance: 1e-4);

    private static float[] Intensities(int row) => [.. TinyImages.Pixels(row, 1).Select(p => p / 255f)];

    private static double Distance(float[] values, byte[] pixels) => values.Zip(pixels, (v, p) => Math.Pow(v - p / 255.0, 2)).Sum();

    private static byte[] Noise(int seed)
    {
        byte[] noise = new byte[Size];
        new Random(seed).NextBytes(noise);
        return noise;
    }

    private sealed class SynchronousProgress(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    private sealed class Prediction
    {
        public float NegativeElbo { get; set; }

        public float[] Reconstruction { get; set; } = [];
    }

    private sealed class Features
    {
        [VectorType(4)]
        public float[] Values { get; set; } = new float[4];
    }
}
