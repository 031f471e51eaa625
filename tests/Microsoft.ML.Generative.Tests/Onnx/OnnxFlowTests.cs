using Microsoft.ML.Data;
using Microsoft.ML.Generative.Flows;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>ONNX Runtime computes both directions of normalizing flows.</summary>
public sealed class OnnxFlowTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, true, false)]
    [InlineData(true, false, false)]
    [InlineData(true, true, true)]
    public void Latent_values_densities_and_rows_are_the_same(bool isImage, bool hasLabels, bool isBytes)
    {
        int count = 5, size = isImage ? 2 * 8 * 12 : 7;
        var random = new Random(3);
        Row[] rows = [.. Enumerable.Range(0, count).Select(i => new Row
        {
            Values = [.. Enumerable.Range(0, size)
                .Select(j => isBytes ? random.Next(256) / 255f : (float)(3 * random.NextDouble() + j % 2))],
            Label = (uint)(i % 3),
        })];
        var schema = SchemaDefinition.Create(typeof(Row));
        schema["Values"].ColumnType = isImage
            ? new VectorDataViewType(NumberDataViewType.Single, 2, 8, 12)
            : new VectorDataViewType(NumberDataViewType.Single, size);
        IDataView data = _ml.Data.LoadFromEnumerable(rows, schema);
        using FlowTransformer model = _ml.Transforms.Generative().Flow(new FlowOptions
        {
            InputColumnName = "Values",
            LabelColumnName = hasLabels ? "Label" : null,
            LabelCount = hasLabels ? 3 : null,
            CouplingLayers = 6,
            HiddenSizes = [9],
            ConvolutionChannels = 4,
            Dequantize = isBytes,
            MaxSteps = 2,
            Seed = 1,
        }).Fit(data);
        Randomize(model.Network);
        string encoder = _folder.File("encoder.onnx"), decoder = _folder.File("decoder.onnx");
        model.ExportEncoderOnnx(encoder);
        model.ExportDecoderOnnx(decoder);

        using DisposeScope scope = NewDisposeScope();
        long[] shape = isImage ? [count, 2, 8, 12] : [count, size];
        (string, Tensor)[] labels = hasLabels ? [("Label", tensor(rows.Select(row => (long)row.Label).ToArray()))] : [];
        Dictionary<string, (float[] Values, long[] Shape)> encoded =
            OnnxRun.Of(encoder, [("Values", tensor(rows.SelectMany(row => row.Values).ToArray(), shape)), .. labels]);
        IDataView expected = model.Transform(data);
        float[] latents = [.. expected.GetColumn<float[]>("Latent").SelectMany(v => v)];
        float[] densities = [.. expected.GetColumn<float>("NegativeLogDensity")];
        Assert.InRange(OnnxRun.Difference(encoded["Latent"], tensor(latents, [count, size])), 0, 1e-4 * latents.Max(Math.Abs));
        Assert.InRange(
            OnnxRun.Difference(encoded["NegativeLogDensity"], tensor(densities, [count])), 0, 1e-4 * densities.Max(Math.Abs));

        (float[] decoded, long[] decodedShape) = OnnxRun.Of(decoder, [("Latent", tensor(latents, [count, size])), .. labels])["Generated"];
        Assert.Equal(shape, decodedShape);
        float[] wanted = [.. Enumerable.Range(0, count).SelectMany(
            i => model.Decode(latents.AsSpan(i * size, size), hasLabels ? i % 3 : null))];
        // Rounding may move a value from the end of a level of bytes to the next.
        double tolerance = isBytes ? 1.01 / 255 : 1e-4 * (1 + wanted.Max(Math.Abs));
        Assert.All(wanted.Zip(decoded), pair => Assert.InRange(pair.Second - pair.First, -tolerance, tolerance));
        Assert.InRange(wanted.Zip(decoded).Count(pair => Math.Abs(pair.First - pair.Second) > 1e-4), 0, wanted.Length / 50);
    }

    public void Dispose() => _folder.Dispose();

    // The last layer of each conditioner begins with nothing, which would hide what is before it.
    private static void Randomize(FlowNetwork network)
    {
        using IDisposable noGradient = no_grad();
        using var generator = new Generator(5);
        foreach ((_, TorchSharp.Modules.Parameter parameter) in network.named_parameters())
        {
            using Tensor noise = randn(parameter.shape, generator: generator);
            parameter.add_(noise, 0.1);
        }
    }

    private sealed class Row
    {
        [VectorType(1)]
        public float[] Values { get; set; } = [];

        [KeyType(3)]
        public uint Label { get; set; }
    }
}
