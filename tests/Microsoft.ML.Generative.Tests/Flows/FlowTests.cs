using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What a trained flow does, on one model of a known distribution for the whole class.</summary>
public sealed class FlowTests(FlowTests.TrainedModel trained) : IClassFixture<FlowTests.TrainedModel>
{
    private readonly MLContext _ml = trained.Ml;
    private readonly FlowTransformer _model = trained.Model;

    public sealed class TrainedModel : IDisposable
    {
        public MLContext Ml { get; } = new(seed: 1);

        public FlowTransformer Model { get; }

        public TrainedModel() => Model = Ml.Transforms.Generative().Flow(new FlowOptions
        {
            CouplingLayers = 6,
            HiddenSizes = [32, 32],
            BatchSize = 256,
            Epochs = 40,
            LearningRate = 5e-3,
            EmaDecay = 0.99,
        }).Fit(Mixture.Rows(Ml, 5_000, seed: 1));

        public void Dispose() => Model.Dispose();
    }

    [Fact]
    public void The_density_integrates_to_one()
    {
        // The midpoint rule over ±7 standard deviations round both centers.
        const int Steps = 240;
        double cellX = 200.0 / Steps, cellY = 1.0 / Steps;
        var grid = new PointRow[Steps * Steps];
        for (int i = 0; i < grid.Length; i++)
            grid[i] = new PointRow { Features = [(float)((i % Steps + 0.5) * cellX), (float)(-0.5 + (i / Steps + 0.5) * cellY)] };
        double integral = Scores(_ml.Data.LoadFromEnumerable(grid)).Sum(score => Math.Exp(-score)) * cellX * cellY;
        Assert.InRange(integral, 0.98, 1.02);
    }

    [Fact]
    public void The_likelihood_of_new_rows_is_near_the_entropy_of_their_distribution()
    {
        FlowMetrics metrics = _ml.Generative().EvaluateFlow(_model, Mixture.Rows(_ml, 5_000, seed: 2));
        Assert.Equal(5_000, metrics.Rows);
        Assert.Null(metrics.BitsPerDimension);
        Assert.InRange(metrics.StandardError, 0.005, 0.03);

        // The same rows under the true density, whose mean is the entropy.
        double entropy = Mixture.Points(5_000, seed: 2).Average(p => -Mixture.LogDensity(p.X, p.Y));
        Assert.InRange(metrics.NegativeLogLikelihood - entropy, -0.01, 0.06);
    }

    [Fact]
    public void Evaluation_is_the_mean_of_the_column()
    {
        IDataView rows = Mixture.Rows(_ml, 300, seed: 5);
        float[] scores = Scores(rows);
        FlowMetrics metrics = _ml.Generative().EvaluateFlow(_model, rows);
        double mean = scores.Average();
        Assert.Equal(mean, metrics.NegativeLogLikelihood, 1e-4);
        Assert.Equal(Math.Sqrt(scores.Sum(s => (s - mean) * (s - mean)) / 299 / 300), metrics.StandardError, 1e-4);
    }

    [Fact]
    public void The_density_of_a_row_is_near_the_true_one()
    {
        foreach ((double x, double y) in Mixture.Points(20, seed: 3))
            Assert.Equal(Mixture.LogDensity(x, y), _model.LogDensity([(float)x, (float)y]), 0.7);
    }

    [Fact]
    public void Unusual_rows_have_a_higher_score()
    {
        // Rows with usual values of either feature, which are unusual together.
        PointRow[] unusual = [.. Mixture.Points(400, seed: 4)
            .Select(p => new PointRow { Features = [(float)p.X, (float)(p.X > 100 ? p.Y - 0.4 : p.Y + 0.4)] })];
        float[] high = Scores(_ml.Data.LoadFromEnumerable(unusual)), low = Scores(Mixture.Rows(_ml, 400, seed: 8));
        double area = high.Average(h => low.Average(l => h > l ? 1.0 : h == l ? 0.5 : 0));
        Assert.InRange(area, 0.95, 1);
    }

    [Fact]
    public void Generated_rows_have_the_distribution_of_the_training_data()
    {
        float[][] rows = Generated(_model.Generate(4_000, new() { Seed = 3 }));
        double share = rows.Average(r => r[0] > 100 ? 1.0 : 0);
        Assert.InRange(share, Mixture.Share - 0.05, Mixture.Share + 0.05);

        // E[−log p] under the true density is the entropy too.
        double entropy = Mixture.Points(4_000, seed: 9).Average(p => -Mixture.LogDensity(p.X, p.Y));
        Assert.InRange(rows.Average(r => -Mixture.LogDensity(r[0], r[1])) - entropy, -0.3, 0.5);
    }

    [Fact]
    public void Decoding_inverts_encoding_after_training()
    {
        foreach ((double x, double y) in Mixture.Points(50, seed: 6))
        {
            float[] row = [(float)x, (float)y];
            float[] back = _model.Decode(_model.Encode(row));
            // In the unit of each feature's standard deviation, of about 40 and 0.2.
            Assert.Equal(row[0], back[0], 40 * 1e-4);
            Assert.Equal(row[1], back[1], 0.2 * 1e-4);
        }
    }

    [Fact]
    public void Encoding_a_row_gives_its_columns()
    {
        IDataView output = _model.Transform(Mixture.Rows(_ml, 1, seed: 6));
        float[] row = output.GetColumn<float[]>("Features").Single();
        Close([output.GetColumn<float[]>("Latent").Single()], [_model.Encode(row)]);
        Assert.Equal(-output.GetColumn<float>("NegativeLogDensity").Single(), _model.LogDensity(row), 1e-4);
    }

    [Fact]
    public void The_same_seed_generates_the_same_rows_whatever_their_number()
    {
        float[][] ten = Generated(_model.Generate(10, new() { Seed = 3 }));
        Close(ten[..4], Generated(_model.Generate(4, new() { Seed = 3 })));
        Assert.NotEqual(ten[0], Generated(_model.Generate(1, new() { Seed = 4 }))[0]);
        Assert.NotEqual(ten[0], ten[1]);
        Assert.Empty(Generated(_model.Generate(0)));
    }

    [Fact]
    public void Temperature_zero_generates_the_decoded_origin() =>
        Close([_model.Decode([0, 0]), _model.Decode([0, 0])], Generated(_model.Generate(2, new() { Temperature = 0 })));

    [Fact]
    public void Interpolation_begins_and_ends_with_the_rows()
    {
        float[] from = [60, 0.2f], to = [140, -0.2f];
        float[][] rows = Generated(_model.Interpolate(from, to, 5));
        Assert.Equal(5, rows.Length);
        Close([from, to], [rows[0], rows[4]]);
        float[] middle = [.. _model.Encode(from).Zip(_model.Encode(to), (a, b) => (a + b) / 2)];
        Close([_model.Decode(middle)], rows[2..3]);
    }

    [Fact]
    public void A_prediction_engine_gives_the_scores_of_a_batch()
    {
        float[] expected = Scores(Mixture.Rows(_ml, 5, seed: 6));
        var engine = _ml.Model.CreatePredictionEngine<PointRow, Prediction>(
            _model, new PredictionEngineOptions { OwnsTransformer = false });
        PointRow[] rows = [.. Mixture.Points(5, seed: 6).Select(p => new PointRow { Features = [(float)p.X, (float)p.Y] })];
        Assert.All(rows.Zip(expected), pair => Assert.Equal(pair.Second, engine.Predict(pair.First).NegativeLogDensity, 1e-3));
    }

    [Fact]
    public void Arguments_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.Generate(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.Generate(1, new() { Temperature = -1 }));
        Assert.Throws<ArgumentException>(() => _model.Generate(1, new() { Label = 0 }));
        Assert.Throws<ArgumentException>(() => _model.Encode(new float[3]));
        Assert.Throws<ArgumentException>(() => _model.Encode([float.NaN, 0]));
        Assert.Throws<ArgumentException>(() => _model.LogDensity([1, 2], label: 0));
        Assert.Throws<ArgumentException>(() => _model.Decode(new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _model.Interpolate([1, 0], [2, 0], 1));
    }

    [Fact]
    public void Options_out_of_range_are_named_when_the_estimator_is_made()
    {
        Assert.Contains("CouplingLayers is 0", Refused(new FlowOptions { CouplingLayers = 0 }));
        Assert.Contains("MaxLogScale is 0", Refused(new FlowOptions { MaxLogScale = 0 }));
        Assert.Contains("HiddenSizes is [3, 0]", Refused(new FlowOptions { HiddenSizes = [3, 0] }));
        Assert.Contains("ConvolutionChannels is -1", Refused(new FlowOptions { ConvolutionChannels = -1 }));
        Assert.Contains("LabelCount is 3", Refused(new FlowOptions { LabelCount = 3 }));
        Assert.Contains("different names", Refused(new FlowOptions { LatentColumnName = "A", NegativeLogDensityColumnName = "A" }));

        string Refused(FlowOptions options) => Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Flow(options)).Message;
    }

    [Fact]
    public void Values_that_are_not_finite_are_refused_by_column_and_row()
    {
        PointRow[] rows = [.. Mixture.Points(5, seed: 1)
            .Select((p, i) => new PointRow { Features = [(float)p.X, i == 3 ? float.NaN : (float)p.Y] })];
        IDataView data = _ml.Data.LoadFromEnumerable(rows);
        FlowEstimator estimator = _ml.Transforms.Generative().Flow(new FlowOptions { Epochs = 1 });
        string trained = Assert.Throws<InvalidDataException>(() => estimator.Fit(data)).Message;
        string transformed = Assert.Throws<InvalidDataException>(() => Scores(data)).Message;
        Assert.All([trained, transformed], message => Assert.Contains("Column 'Features', row 3: value 1 is NaN", message));
    }

    [Fact]
    public void Values_that_are_the_same_in_all_rows_are_named_in_a_warning()
    {
        var ml = new MLContext(seed: 1);
        List<string> warnings = Logs.Warnings(ml);
        PointRow[] rows = [.. Mixture.Points(20, seed: 1).Select(p => new PointRow { Features = [(float)p.X, 0.25f] })];
        using FlowTransformer model = ml.Transforms.Generative().Flow(new FlowOptions { Epochs = 1, HiddenSizes = [4] })
            .Fit(ml.Data.LoadFromEnumerable(rows));
        Assert.Contains(warnings, w => w.Contains("1 values are the same in all rows (at positions 1)", StringComparison.Ordinal));
        Assert.True(double.IsFinite(model.LogDensity(rows[0].Features)));
    }

    private float[] Scores(IDataView rows) => [.. _model.Transform(rows).GetColumn<float>("NegativeLogDensity")];

    private static float[][] Generated(IDataView data) => [.. data.GetColumn<float[]>("Generated")];

    private static void Close(float[][] expected, float[][] actual) => Rows.AssertEqual(
        [.. expected.Select(row => new object?[] { row })], [.. actual.Select(row => new object?[] { row })], tolerance: 1e-3);

    private sealed class Prediction
    {
        public float NegativeLogDensity { get; set; }
    }
}

/// <summary>
/// Two normal distributions in features of different units: x about 60 or 140 with a deviation of 10, y about 0.2 or −0.2 with one of
/// 0.04.
/// </summary>
internal static class Mixture
{
    /// <summary>The part of the rows with the higher x.</summary>
    public const double Share = 0.4;

    public static IEnumerable<(double X, double Y)> Points(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            bool isRight = random.NextDouble() < Share;
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())), angle = 2 * Math.PI * random.NextDouble();
            yield return ((isRight ? 140 : 60) + 10 * radius * Math.Cos(angle), (isRight ? -0.2 : 0.2) + 0.04 * radius * Math.Sin(angle));
        }
    }

    public static IDataView Rows(MLContext ml, int count, int seed) => ml.Data.LoadFromEnumerable(
        Points(count, seed).Select(p => new PointRow { Features = [(float)p.X, (float)p.Y], IsRight = p.X > 100 ? 1 : 0 }).ToArray());

    public static double LogDensity(double x, double y)
    {
        double left = Math.Log(1 - Share) + LogNormal(x, y, 60, 0.2), right = Math.Log(Share) + LogNormal(x, y, 140, -0.2);
        double highest = Math.Max(left, right);
        return highest + Math.Log(Math.Exp(left - highest) + Math.Exp(right - highest));
    }

    public static double LogNormal(double x, double y, double centerX, double centerY) =>
        -0.5 * (Math.Pow((x - centerX) / 10, 2) + Math.Pow((y - centerY) / 0.04, 2)) - Math.Log(2 * Math.PI * 10 * 0.04);
}

internal sealed class PointRow
{
    [VectorType(2)]
    public float[] Features { get; set; } = [];

    public int IsRight { get; set; }
}
