namespace Microsoft.ML.Generative.Tests;

/// <summary>What is refused before memory is taken for it.</summary>
public sealed class SizeLimitTests
{
    private static readonly MLContext _ml = new(seed: 1);

    private const int Most = 1 << 24;

    [Theory]
    [InlineData("HiddenSizes ([16777216, 16777216])")]
    [InlineData("LatentSize (16777216)")]
    [InlineData("HiddenChannels (16777216)")]
    [InlineData("PriorEmbeddingSize (16777216)")]
    [InlineData("BlockChannels ([16777216])")]
    [InlineData("DitEmbeddingSize (16777216)")]
    [InlineData("CouplingLayers (16777216)")]
    [InlineData("EmbeddingSize (16777216)")]
    public void A_network_larger_than_memory_is_refused_with_its_options(string option)
    {
        var catalog = _ml.Transforms.Generative();
        IEstimator<ITransformer> estimator = option.Split(' ')[0] switch
        {
            "HiddenSizes" => catalog.Vae(new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [Most, Most] }),
            "LatentSize" => catalog.Vae(new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [Most], LatentSize = Most }),
            "HiddenChannels" => catalog.VqVae(new VqVaeOptions { InputColumnName = "Pixels", HiddenChannels = Most }),
            "PriorEmbeddingSize" => catalog.VqVae(new VqVaeOptions { InputColumnName = "Pixels", PriorEmbeddingSize = Most }),
            "BlockChannels" => catalog.Diffusion(
                new DiffusionOptions { InputColumnName = "Pixels", BlockChannels = [Most], AttentionLevels = [], NormGroups = 1 }),
            "DitEmbeddingSize" => catalog.Diffusion(
                new DiffusionOptions
                {
                    InputColumnName = "Pixels",
                    Network = DiffusionNetworkKind.Dit,
                    DitEmbeddingSize = Most,
                    DitHeads = 4,
                }),
            "CouplingLayers" =>
                catalog.Flow(new FlowOptions { InputColumnName = "Pixels", CouplingLayers = Most, ConvolutionChannels = 1 }),
            _ => catalog.LanguageModel(new LanguageModelOptions { InputColumnName = "Name", EmbeddingSize = Most, Heads = 4 }),
        };
        string message = Assert.ThrowsAny<ArgumentException>(() => estimator.Fit(TinyImages.AsVectors(_ml, 8))).Message;
        Assert.Contains(option, message);
        Assert.Contains("that the process may use", message);
    }

    [Fact]
    public void A_batch_larger_than_memory_is_refused_by_name()
    {
        IDataView data = TinyImages.AsVectors(_ml, 8);
        GanOptions options = new() { InputColumnName = "Pixels", Network = GanNetworkKind.Mlp, BatchSize = Most, LatentSize = 1 << 20 };
        string message = Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Gan(options).Fit(data)).Message;
        Assert.Contains("BatchSize is 16777216", message);
        Assert.Contains(": a batch takes 70.4 TB, and the process may use", message);
    }

    [Fact]
    public void What_multiplies_the_rows_of_a_batch_is_named_with_it()
    {
        IDataView data = TinyImages.AsVectors(_ml, 8);
        var catalog = _ml.Transforms.Generative();
        string latent = Assert.ThrowsAny<ArgumentException>(() => catalog.Gan(new GanOptions
        {
            InputColumnName = "Pixels",
            Network = GanNetworkKind.Mlp,
            BatchSize = 1 << 20,
            LatentSize = 1 << 20,
        }).Fit(data)).Message;
        Assert.Contains("BatchSize is 1048576 and LatentSize 1048576: a batch takes 4.4 TB, and the process may use", latent);
        string batches = Assert.ThrowsAny<ArgumentException>(() => catalog.Gan(new GanOptions
        {
            InputColumnName = "Pixels",
            Network = GanNetworkKind.Mlp,
            GradientAccumulationSteps = Most,
        }).Fit(data)).Message;
        Assert.Contains("BatchSize is 64 and GradientAccumulationSteps 16777216: a batch takes", batches);
        string samples = Assert.ThrowsAny<ArgumentException>(() => catalog.Vae(
            new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [4], LatentSize = 2, ImportanceSamples = Most }).Fit(data)).Message;
        Assert.Matches("BatchSize is \\d+ and ImportanceSamples 16777216: a batch takes .* GB, and the process may use", samples);
    }

    [Fact]
    public void A_rollout_larger_than_memory_is_refused_with_its_options()
    {
        var catalog = _ml.Transforms.Generative();
        GrpoOptions grpo = TinyAlignment.Grpo();
        // Their product is 0 in 32 bits.
        (grpo.RolloutPrompts, grpo.GroupSize) = (Most, Most);
        string message = Assert.ThrowsAny<ArgumentException>(() => catalog.Grpo(grpo)).Message;
        Assert.Contains("RolloutPrompts 16777216", message);
        Assert.Contains("GroupSize 16777216", message);
        Assert.Contains("that the process may use", message);
    }

    [Theory]
    [InlineData(nameof(DiffusionOptions.DitEmbeddingSize), 0)]
    [InlineData(nameof(DiffusionOptions.DitEmbeddingSize), 6)]
    [InlineData(nameof(DiffusionOptions.DitEmbeddingSize), int.MaxValue)]
    [InlineData(nameof(DiffusionOptions.DitLayers), -1)]
    [InlineData(nameof(DiffusionOptions.DitHeads), int.MaxValue)]
    [InlineData(nameof(DiffusionOptions.DitHeads), 7)]
    [InlineData(nameof(DiffusionOptions.PatchSize), 0)]
    public void Sizes_of_a_diffusion_transformer_are_refused_by_their_options(string option, int value)
    {
        var options = new DiffusionOptions { Network = DiffusionNetworkKind.Dit };
        typeof(DiffusionOptions).GetProperty(option)!.SetValue(options, value);
        Assert.Contains(option, Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Diffusion(options)).Message);
    }

    [Fact]
    public void More_rows_than_can_be_held_are_refused_before_they_are_generated()
    {
        IDataView data = TinyImages.AsVectors(_ml, 8);
        var catalog = _ml.Transforms.Generative();
        using VaeTransformer vae = catalog.Vae(
            new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [2], LatentSize = 2, MaxSteps = 1 }).Fit(data);
        using GanTransformer gan = catalog.Gan(
            new GanOptions { InputColumnName = "Pixels", Network = GanNetworkKind.Mlp, HiddenSizes = [2], LatentSize = 2, MaxSteps = 1 })
            .Fit(data);
        using FlowTransformer flow = catalog.Flow(
            new FlowOptions { InputColumnName = "Pixels", CouplingLayers = 1, ConvolutionChannels = 2, MaxSteps = 1 }).Fit(data);
        DiffusionOptions diffusionOptions = TinyDiffusion.Options();
        diffusionOptions.MaxSteps = 1;
        using DiffusionTransformer diffusion = catalog.Diffusion(diffusionOptions).Fit(data);
        VqVaeOptions vqVaeOptions = TinyVqVae.Options();
        (vqVaeOptions.MaxSteps, vqVaeOptions.PriorMaxSteps) = (1, 1);
        using VqVaeTransformer vqVae = catalog.VqVae(vqVaeOptions).Fit(data);
        LanguageModelOptions languageOptions = TinyText.Options();
        languageOptions.MaxSteps = 1;
        using LanguageModelTransformer language = catalog.LanguageModel(languageOptions).Fit(TinyText.Data(_ml));

        foreach (Action<int> generate in (Action<int>[])[
            count => vae.Generate(count), count => gan.Generate(count), count => flow.Generate(count), count => diffusion.Generate(count),
            count => vqVae.Generate(count), count => language.Generate(count)])
        {
            foreach (int count in (int[])[int.MaxValue, int.MaxValue / 4 * 3])
            {
                var error = Assert.Throws<ArgumentOutOfRangeException>(() => generate(count));
                Assert.Equal("count", error.ParamName);
                Assert.Contains("can be held at once", error.Message);
            }
        }

        Assert.Contains("can be held at once", Assert.Throws<ArgumentOutOfRangeException>(() => vae.LatentGrid(1 << 20, 1 << 20)).Message);
    }
}
