using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Tests;

public sealed class ConditionalFlowTests
{
    [Fact]
    public void The_density_of_a_class_is_that_of_its_rows()
    {
        var ml = new MLContext(seed: 1);
        using FlowTransformer model = ml.Transforms.Generative().Flow(new FlowOptions
        {
            LabelColumnName = nameof(PointRow.IsRight),
            LabelCount = 2,
            CouplingLayers = 4,
            HiddenSizes = [32],
            BatchSize = 256,
            Epochs = 30,
            LearningRate = 5e-3,
        }).Fit(Mixture.Rows(ml, 4_000, seed: 1));
        Assert.Equal(2, model.LabelCount);

        (double X, double Y)[] points = [.. Mixture.Points(300, seed: 2)];
        double difference = points.Average(p => TrueLogDensity(p) - model.LogDensity([(float)p.X, (float)p.Y], p.X > 100 ? 1 : 0));
        Assert.InRange(difference, -0.02, 0.06);

        // A row of the one class is unusual as one of the other.
        Assert.True(model.LogDensity([140, -0.2f], label: 0) < model.LogDensity([140, -0.2f], label: 1) - 3);

        float[][] left = [.. model.Generate(300, new() { Seed = 1, Label = 0 }).GetColumn<float[]>("Generated")];
        Assert.InRange(left.Count(row => row[0] < 100 && row[1] > 0), 290, 300);
        Assert.Equal(60, left.Average(row => row[0]), 2.0);

        float[] row = [140, -0.2f];
        float[] back = model.Decode(model.Encode(row, label: 1), label: 1);
        Assert.Equal(row[0], back[0], 1e-2);
        Assert.Contains("expected one of 0 to 1", Assert.Throws<ArgumentException>(() => model.Generate(1)).Message);
        Assert.Contains("expected 0 to 1", Assert.Throws<ArgumentException>(() => model.LogDensity(row, label: 2)).Message);

        static double TrueLogDensity((double X, double Y) p) =>
            p.X > 100 ? Mixture.LogNormal(p.X, p.Y, 140, -0.2) : Mixture.LogNormal(p.X, p.Y, 60, 0.2);
    }
}

public sealed class ImageFlowTests
{
    [Fact]
    public void Bytes_are_scored_in_bits_per_dimension_and_come_back_exactly()
    {
        var ml = new MLContext(seed: 1);
        var reports = new List<TrainingProgress>();
        using FlowTransformer model = ml.Transforms.Generative().Flow(new FlowOptions
        {
            InputColumnName = "Pixels",
            CouplingLayers = 4,
            ConvolutionChannels = 16,
            BatchSize = 64,
            Epochs = 40,
            LearningRate = 5e-3,
            Threads = 1,
            Progress = new SynchronousProgress(reports.Add),
        }).Fit(TinyImages.AsVectors(ml, 300));

        // The images are noise of 5 bits per pixel (of 32 levels), and a square in one of two places: 1 bit of 48 pixels. A normal
        // distribution of each pixel has about 7.
        IDataView test = ml.Data.SkipRows(TinyImages.AsVectors(ml, 360), 300);
        FlowMetrics metrics = ml.Generative().EvaluateFlow(model, test, seed: 1);
        Assert.Equal(metrics.BitsPerDimension!.Value, metrics.NegativeLogLikelihood / (48 * Math.Log(2)), 1e-9);
        Assert.InRange(metrics.BitsPerDimension.Value, 5 + 1 / 48.0, 6);
        Assert.Equal(reports[^1].LossTerms["bits per dimension"], reports[^1].Loss / (48 * Math.Log(2)), 1e-3);

        byte[] pixels = TinyImages.Pixels(0, 1);
        float[] row = [.. pixels.Select(p => p / 255f)];
        byte[] back = [.. model.Decode(model.Encode(row)).Select(v => (byte)MathF.Round(v * 255))];
        Assert.Equal(pixels, back);

        IDataView generated = model.Generate(20, new() { Seed = 2 });
        Assert.True(ImageShape.TryGet(generated.Schema["Generated"].Type, out ImageShape shape));
        Assert.Equal(new ImageShape(1, TinyImages.Height, TinyImages.Width), shape);
        float[][] images = [.. generated.GetColumn<float[]>("Generated")];
        Assert.All(images, image => Assert.All(image, v => Assert.InRange(v, 0, 1)));

        // Outside of the square's rows everything is dark.
        Assert.True(images.Average(image => image.Take(2 * TinyImages.Width).Average()) < 0.15);
        Assert.True(images.Average(image => image.Max()) > 0.7);
    }

    [Fact]
    public void Values_that_are_to_be_levels_have_to_be_in_their_range()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable([new PointRow { Features = [0.5f, 1] }, new PointRow { Features = [0.5f, 1.5f] }]);
        string message = Assert.Throws<InvalidDataException>(
            () => ml.Transforms.Generative().Flow(new FlowOptions { Dequantize = true, Epochs = 1 }).Fit(data)).Message;
        Assert.Contains("Column 'Features', row 1: value 1 is 1.5; expected 0 to 1", message);
    }

    private sealed class SynchronousProgress(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
