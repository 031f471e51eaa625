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
        Assert.Matches("^layer +type +output shape +weights +parameters$", lines[1]);

        // Encoder 3 → 4, 4 → 2 means and 2 log variances; decoder 2 → 4 → 3; each with biases.
        const int Expected = 3 * 4 + 4 + 4 * 4 + 4 + 2 * 4 + 4 + 4 * 3 + 3;
        Assert.Equal($"{Expected} parameters, {4 * Expected} bytes; {Expected} trainable, 0 frozen", lines[^1]);
        Assert.Contains(lines, line => line.Contains("  [batch, 4]  ") && line.Contains("weight [4, 3], bias [4]") && line.EndsWith(" 16"));
        Assert.Contains(lines, line => line.Contains("  [batch, 3]  ") && line.Contains("weight [3, 4], bias [3]") && line.EndsWith(" 15"));
        Assert.Equal(Expected, lines[2..^1].Sum(line => int.Parse(line.Split(' ')[^1])));

        using var chain = ml.Transforms.CopyColumns("Copy", "Image").Append(ml.Transforms.Generative().Vae(
            new VaeOptions { HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 })).Fit(data);
        Assert.Equal(summary, chain.Summary());
        Assert.Equal(summary, ml.Transforms.CopyColumns("Other", "Image").Fit(data).Append((ITransformer)chain).Summary());
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

    [Fact]
    public void Output_shapes_are_those_of_the_layers_and_frozen_parameters_are_told()
    {
        MLContext ml = new(seed: 1);
        IDataView images = Images(ml);
        using ImageClassifierTransformer classifier = ml.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            LabelCount = 2,
            BaseChannels = 4,
            Stages = 2,
            BlocksPerStage = 1,
            MaxSteps = 1,
            FrozenParameters = ["stem.*"],
        }).Fit(images);
        string[] lines = Lines(classifier);

        // 3 × 3 kernels with padding keep 16 × 16; the second stage halves it and doubles the channels.
        Assert.Matches(
            @"^stem +Conv2d +\[batch, 4, 16, 16\] +weight \[4, 1, 3, 3\] +36$", Assert.Single(lines, line => line.StartsWith("stem ")));
        Assert.Contains(lines, line => line.Contains("Conv2d") && line.Contains(" [batch, 8, 8, 8] "));
        Assert.Matches(
            @"^head +Linear +\[batch, 2\] +weight \[2, 8\], bias \[2\] +18$", Assert.Single(lines, line => line.StartsWith("head ")));
        Assert.EndsWith(" 36 frozen", lines[^1]);

        // Text: the network of a sequence; a shared weight counts once, and a model that uses an adapter trains that alone.
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = 1,
                Heads = 2,
                EmbeddingSize = 8,
                FeedForwardSize = 16,
                ContextLength = 8,
            },
            MaxSteps = 1,
        }).Fit(ml.Data.LoadFromEnumerable([new { Text = "abcdefgh" }]));
        lines = Lines(model);
        Assert.Contains(lines, line => line.StartsWith("tokens ") && line.Contains(" [batch, tokens, 8] "));
        string shape = $" [batch, tokens, {model.Architecture.VocabularySize}] ";
        Assert.Contains(lines, line => line.StartsWith("head ") && line.Contains(shape) && line.EndsWith(" 0"));
        Assert.StartsWith($"{model.Architecture.CountParameters():N0} parameters", lines[^1]);
        using LanguageModelTransformer tuned = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = model,
            Adapter = new LoraOptions { Rank = 2, TargetModules = ["attention.output"] },
            MaxSteps = 1,
        }).Fit(ml.Data.LoadFromEnumerable([new { Text = "abcdefgh" }]));
        // Two matrices of rank 2 over 8 inputs and 8 outputs.
        Assert.Contains($"; {2 * 8 * 2} trainable, {model.Architecture.CountParameters():N0} frozen", Lines(tuned)[^1]);
        // Two matmuls in Int8, of queries, keys and values and of the output, and three of the feed-forward, are frozen.
        using LanguageModelTransformer quantized = model.Quantize(WeightFormat.Int8);
        Assert.Contains(" 0 frozen", Lines(model)[^1]);
        Assert.DoesNotContain(" 0 frozen", Lines(quantized)[^1]);

        static string[] Lines(ITransformer model) =>
            model.Summary().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    [Fact]
    public void Each_family_has_a_summary_with_output_shapes()
    {
        MLContext ml = new(seed: 1);
        IDataView images = Images(ml);
        GenerativeTransformsCatalog catalog = ml.Transforms.Generative();
        ITransformer[] models =
        [
            catalog.Vae(new VaeOptions
            {
                Network = VaeNetworkKind.Convolutional,
                ConvolutionChannels = [4, 4],
                HiddenSizes = [8],
                MaxSteps = 1,
                LabelColumnName = "Label",
                LabelCount = 2,
            }).Fit(images),
            catalog.VqVae(new VqVaeOptions
            {
                HiddenChannels = 4,
                ResidualChannels = 4,
                CodebookSize = 4,
                CodeSize = 2,
                PriorEmbeddingSize = 8,
                PriorHeads = 2,
                PriorLayers = 1,
                MaxSteps = 1,
                PriorEpochs = 1,
            }).Fit(images),
            catalog.Gan(new GanOptions
            {
                BaseChannels = 4,
                LatentSize = 4,
                MaxSteps = 1,
                LabelColumnName = "Label",
                LabelCount = 2,
            }).Fit(images),
            catalog.Diffusion(new DiffusionOptions
            {
                BlockChannels = [4, 8],
                AttentionLevels = [1],
                AttentionHeadSize = 4,
                NormGroups = 2,
                LayersPerBlock = 1,
                MaxSteps = 1,
            }).Fit(images),
            catalog.Flow(new FlowOptions
            {
                InputColumnName = "Image",
                CouplingLayers = 2,
                HiddenSizes = [4],
                ConvolutionChannels = 4,
                MaxSteps = 1,
            }).Fit(images),
        ];
        foreach (ITransformer model in models)
        {
            using var owned = (IDisposable)model;
            string summary = model.Summary();
            Assert.Contains(" [batch, ", summary);
            Assert.DoesNotContain("?", summary);
            // Each layer with a matmul or convolution has an output.
            Assert.All(
                summary.Split('\n').Where(line => line.Contains(" Conv2d ") || line.Contains(" Linear ") || line.Contains("Transpose2d")),
                line => Assert.Contains("  [", line));
        }
    }

    private static IDataView Images(MLContext ml) => ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8)
        .Select(i => new ImageRow { Image = [.. Enumerable.Range(0, 256).Select(j => (i + j) % 2 / 1f)] }).ToArray());

    private sealed class ImageRow
    {
        [Microsoft.ML.Data.VectorType(1, 16, 16)]
        public float[] Image { get; set; } = [];

        public int Label { get; set; }
    }

    private sealed class Row
    {
        [Microsoft.ML.Data.VectorType(3)]
        public float[] Image { get; set; } = [];
    }
}
