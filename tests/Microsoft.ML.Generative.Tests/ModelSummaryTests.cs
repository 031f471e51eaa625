namespace Microsoft.ML.Generative.Tests;

public sealed class ModelSummaryTests
{
    [Fact]
    public void A_summary_lists_layers_shapes_and_parameters()
    {
        MLContext ml = new(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable([new Row { Image = [0, 0.5f, 1] }]);
        using VaeTransformer model = ml.Transforms.Generative().Vae(new VaeOptions { HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 })
            .Fit(data);
        string summary = model.Summary();
        string[] lines = summary.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal("VaeTransformer", lines[0]);
        Assert.Matches("^layer +type +shapes +parameters$", lines[1]);

        // Encoder 3 → 4, 4 → 2 means and 2 log variances; decoder 2 → 4 → 3; each with biases.
        const int Expected = 3 * 4 + 4 + 4 * 4 + 4 + 2 * 4 + 4 + 4 * 3 + 3;
        Assert.Contains($"{Expected} parameters, {4 * Expected} bytes", lines[^1]);
        Assert.Contains(lines, line => line.Contains("weight [4, 3], bias [4]") && line.EndsWith(" 16"));
        Assert.Equal(Expected, lines[2..^1].Sum(line => int.Parse(line.Split(' ')[^1])));

        using var chain = ml.Transforms.CopyColumns("Copy", "Image").Append(ml.Transforms.Generative().Vae(
            new VaeOptions { HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 })).Fit(data);
        Assert.Equal(summary, chain.Summary());
    }

    [Fact]
    public void Buffers_count_as_other_values_and_other_transformers_have_no_summary()
    {
        MLContext ml = new(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable([new Row { Image = [0, 0.5f, 1] }]);
        Assert.Contains("CopyingTransformer is no generative model", Assert.Throws<ArgumentException>(
            () => ml.Transforms.CopyColumns("Copy", "Image").Fit(data).Summary()).Message.Replace(
                "ColumnCopyingTransformer", "CopyingTransformer"));
        using FlowTransformer flow = ml.Transforms.Generative().Flow(
            new FlowOptions { InputColumnName = "Image", CouplingLayers = 2, HiddenSizes = [4], MaxSteps = 1 }).Fit(
                ml.Data.LoadFromEnumerable(
                    Enumerable.Range(0, 8).Select(i => new Row { Image = [i / 8f, i % 3, i % 2] }).ToArray()));
        Assert.Contains(" other values, ", flow.Summary());
        flow.Dispose();
        var error = Assert.Throws<ObjectDisposedException>(() => flow.Summary());
        Assert.Contains("OwnsTransformer", error.Message);
    }

    private sealed class Row
    {
        [Microsoft.ML.Data.VectorType(3)]
        public float[] Image { get; set; } = [];
    }
}
