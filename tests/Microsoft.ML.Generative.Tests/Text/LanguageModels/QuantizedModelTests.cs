using System.IO.Compression;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class QuantizedModelTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly LanguageModelTransformer _base;

    public QuantizedModelTests() => _base = Fit(Options());

    public static TheoryData<WeightFormat> Formats =>
        [WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Nf4, WeightFormat.Q8_0, WeightFormat.Q4_0];

    public void Dispose() => _base.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_quantized_model_computes_with_the_floats_that_it_gives_back(WeightFormat format)
    {
        double[][] plain = Logits(_base);
        using LanguageModelTransformer quantized = _base.Quantize(format), floats = quantized.Quantize(WeightFormat.Float32);
        Assert.Equal(
            (WeightFormat.Float32, format, WeightFormat.Float32), (_base.WeightFormat, quantized.WeightFormat, floats.WeightFormat));
        Assert.Equal(plain, Logits(_base));
        AssertClose(Logits(floats), Logits(quantized), 1e-4);
        AssertClose(plain, Logits(quantized), format is WeightFormat.Q4_0 or WeightFormat.Nf4 ? 1.5 : 0.1);
        Assert.NotEqual(plain, Logits(quantized));
        var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 };
        Assert.Equal(floats.Generate("the cat", greedy), quantized.Generate("the cat", greedy));
        Assert.Equal(format is WeightFormat.Q8_0 or WeightFormat.Q4_0, quantized.Network.Tokens.Table is PackedBlockWeight);
        Assert.Contains(
            format == WeightFormat.Q4_0 ? "is Q8_0" : $"is {format}",
            Assert.Throws<NotSupportedException>(() => quantized.SavePretrained(Path.GetTempPath())).Message,
            StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_quantized_model_is_saved_as_it_is_stored(WeightFormat format)
    {
        using var folder = new TemporaryFolder();
        using LanguageModelTransformer quantized = _base.Quantize(format);
        _ml.Model.Save(quantized, TinyText.Data(_ml).Schema, folder.File("model.zip"));
        using var loaded = (LanguageModelTransformer)_ml.Model.Load(folder.File("model.zip"), out _);
        Assert.Equal(format, loaded.WeightFormat);
        Assert.Equal(Logits(quantized), Logits(loaded));
        Assert.All(loaded.Network.LinearLayers, layer => Assert.IsAssignableFrom<QuantizedWeight>(layer.Weight));
        using ZipArchive archive = ZipFile.OpenRead(folder.File("model.zip"));
        long bytes = archive.Entries.Single(e => e.Name == "decoder.safetensors").Length;
        Assert.InRange(bytes, 0, ModuleWeights.Of(quantized.Network).Sum(t => t.Tensor.numel() * t.Tensor.element_size()) + 4000);
    }

    [Fact]
    public void Formats_are_compared_by_size_and_perplexity()
    {
        IReadOnlyList<WeightFormatMetrics> all = _ml.Generative().CompareWeightFormats(
            _base, TinyText.Data(_ml), [WeightFormat.Float32, WeightFormat.Q8_0, WeightFormat.Q4_0]);
        Assert.Equal([WeightFormat.Float32, WeightFormat.Q8_0, WeightFormat.Q4_0], all.Select(m => m.Format));
        double perplexity = _ml.Generative().EvaluateLanguageModel(_base, TinyText.Data(_ml)).Perplexity;
        Assert.Equal(perplexity, all[0].Metrics.Perplexity);
        Assert.InRange(all[1].Metrics.Perplexity / perplexity, 0.98, 1.02);
        Assert.NotEqual(perplexity, all[1].Metrics.Perplexity);
        Assert.True(all[2].WeightBytes < all[1].WeightBytes && all[1].WeightBytes < all[0].WeightBytes);
        Assert.Equal(4 * _base.Architecture.CountParameters(), all[0].WeightBytes);
    }

    // An embedding of its own has the adapter's values as floats.
    [Fact]
    public void An_adapter_with_an_embedding_of_its_own_refuses_formats_that_quantize_it()
    {
        LanguageModelOptions options = Options();
        (options.Architecture, options.BaseModel) = (LanguageModelArchitecture.GptNano, _base);
        options.Adapter = new LoraOptions { Rank = 2, ModulesToSave = ["tokens"] };
        options.MaxSteps = 1;
        using LanguageModelTransformer tuned = Fit(options);
        Assert.Contains("embedding", Assert.Throws<NotSupportedException>(() => tuned.Quantize(WeightFormat.Q8_0)).Message);
        tuned.Quantize(WeightFormat.Int8).Dispose();
        using LanguageModelTransformer quantized = _base.Quantize(WeightFormat.Q4_0);
        options.BaseModel = quantized;
        Assert.Contains("tokens", Assert.Throws<ArgumentException>(() => Fit(options)).Message);
    }

    // QLoRA.
    [Theory]
    [MemberData(nameof(Formats))]
    public void Adapters_are_trained_over_a_quantized_base_and_merged_into_floats(WeightFormat format)
    {
        using LanguageModelTransformer quantized = _base.Quantize(format);
        LanguageModelOptions options = Options();
        (options.Architecture, options.BaseModel, options.Adapter) = (
            LanguageModelArchitecture.GptNano, quantized, new LoraOptions { Rank = 4 });
        using LanguageModelTransformer tuned = Fit(options), plain = tuned.WithAdapter(null);
        Assert.Equal(format, tuned.WeightFormat);
        Assert.Equal(Bytes(quantized.Network), Bytes(tuned.Networks.Base));
        Assert.Equal(Logits(quantized), Logits(plain));
        Assert.All(tuned.Networks.Active!.Adapters, a => Assert.True(a.Adapter.B.abs().max().item<float>() > 0));
        using LanguageModelTransformer merged = tuned.Merge();
        Assert.Equal(WeightFormat.Float32, merged.WeightFormat);
        AssertClose(Logits(tuned), Logits(merged), 1e-4);

        // The same over the floats: the training sees no difference.
        using LanguageModelTransformer floats = quantized.Quantize(WeightFormat.Float32);
        options.BaseModel = floats;
        using LanguageModelTransformer other = Fit(options);
        AssertClose(Logits(other), Logits(tuned), 1e-2);

        options.BaseModel = quantized;
        options.Adapter = null;
        Assert.Contains("set Adapter", Assert.Throws<ArgumentException>(() => Fit(options)).Message);
    }

    private static LanguageModelOptions Options()
    {
        LanguageModelOptions options = TinyText.Options();
        (options.Seed, options.Threads) = (5, 1);
        return options;
    }

    private LanguageModelTransformer Fit(LanguageModelOptions options) =>
        _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));

    private static double[][] Logits(LanguageModelTransformer model) =>
        LanguageModelNetworkTests.Logits(model.Network, [3, 1, 4, 1, 5, 9, 2, 6]);

    private static byte[][] Bytes(torch.nn.Module module) =>
        [.. ModuleWeights.Of(module).Select(t => t.Tensor.contiguous().bytes.ToArray())];

    private static void AssertClose(double[][] expected, double[][] found, double tolerance)
    {
        foreach ((double[] e, double[] f) in expected.Zip(found))
            Assert.All(e.Zip(f), pair => Assert.InRange(pair.Second - pair.First, -tolerance, tolerance));
    }
}
