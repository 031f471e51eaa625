using System.Text.Json;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Onnx.Models;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>ONNX Runtime computes what language models do, with a cache of keys and values.</summary>
public sealed class OnnxLanguageModelTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Forms => TinyLanguageModels.Names;

    private string Path => _folder.File("model.onnx");

    [Theory]
    [MemberData(nameof(Forms))]
    public void Logits_are_the_same_at_once_and_token_by_token(string form)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[form]);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        OnnxModelFile.Write(Path, LanguageModelGraph.Of(network));
        Tensor tokens = randint(0, 11, [2, 9], ScalarType.Int64);
        Tensor expected = network.Logits(tokens); // [2, 9, vocabulary]

        Dictionary<string, (float[] Values, long[] Shape)> found = Run(network, tokens, past: null, seen: 0);
        Assert.InRange(OnnxRun.Difference(found[LanguageModelGraph.LogitsName], expected), 0, Tolerance);

        found = Run(network, tokens.narrow(1, 0, 6), past: null, seen: 0);
        for (int i = 6; i < 9; i++)
        {
            found = Run(network, tokens.narrow(1, i, 1), found, i);
            Assert.InRange(OnnxRun.Difference(found[LanguageModelGraph.LogitsName], expected.narrow(1, i, 1)), 0, Tolerance);
        }
    }

    [Fact]
    public void Padding_before_a_text_changes_nothing()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        OnnxModelFile.Write(Path, LanguageModelGraph.Of(network));
        Tensor tokens = randint(0, 11, [1, 5], ScalarType.Int64);
        Tensor padded = cat([zeros([1, 3], ScalarType.Int64), tokens], 1);
        Tensor mask = cat([zeros([1, 3], ScalarType.Int64), ones([1, 5], ScalarType.Int64)], 1);
        Tensor positions = cat([zeros([1, 3], ScalarType.Int64), arange(5, ScalarType.Int64).view(1, 5)], 1);
        (float[] values, long[] shape) = OnnxRun.Of(
            Path, Inputs(network, padded, mask, positions, past: null))[LanguageModelGraph.LogitsName];
        Assert.All(values, value => Assert.True(float.IsFinite(value)));
        Tensor behind = tensor(values, shape).narrow(1, 3, 5);
        Assert.InRange((behind - network.Logits(tokens)).abs().max().ToDouble(), 0, Tolerance);
    }

    [Fact]
    public void A_folder_has_network_configuration_and_tokenizer()
    {
        using LanguageModelTransformer model = Train();
        string folder = _folder.File("exported");
        model.ExportOnnx(folder);
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(System.IO.Path.Combine(folder, GenAiFolder.ConfigName)));
        JsonElement described = config.RootElement.GetProperty("model");
        Assert.Equal(model.Network.Shape.VocabularySize, described.GetProperty("vocab_size").GetInt32());
        JsonElement decoder = described.GetProperty("decoder");
        Assert.Equal("model.onnx", decoder.GetProperty("filename").GetString());
        Assert.Equal(
            $"past_key_values.{0}.key",
            decoder.GetProperty("inputs").GetProperty("past_key_names").GetString()!.Replace("%d", "0", StringComparison.Ordinal));

        // The tokenizer is the model's.
        Assert.Equal(
            model.Tokenizer.EncodeToIds("ab"),
            Tokenizers.GenerativeTokenizers.FromFile(System.IO.Path.Combine(folder, "tokenizer.json")).EncodeToIds("ab"));
    }

    [Fact]
    public void Quantized_weights_are_refused_by_name_before_a_file_is_written()
    {
        using LanguageModelTransformer model = Train();
        using LanguageModelTransformer quantized = model.Quantize(WeightFormat.Int8);
        string folder = _folder.File("exported");
        string message = Assert.Throws<NotSupportedException>(() => quantized.ExportOnnx(folder)).Message;
        Assert.Contains("'blocks.0.queriesKeysValues'", message);
        Assert.Contains("ONNX files hold dense weights", message);
        Assert.False(Directory.Exists(folder));
    }

    public void Dispose() => _folder.Dispose();

    private Dictionary<string, (float[] Values, long[] Shape)> Run(
        LanguageModelNetwork network, Tensor tokens, Dictionary<string, (float[] Values, long[] Shape)>? past, int seen)
    {
        (long batch, long added) = (tokens.size(0), tokens.size(1));
        Tensor positions = arange(seen, seen + added, ScalarType.Int64).view(1, added).expand(batch, added);
        return OnnxRun.Of(Path, Inputs(network, tokens, ones([batch, seen + added], ScalarType.Int64), positions, past));
    }

    private static (string, Tensor)[] Inputs(
        LanguageModelNetwork network, Tensor tokens, Tensor mask, Tensor positions,
        Dictionary<string, (float[] Values, long[] Shape)>? past)
    {
        TransformerBlockShape block = network.Shape.Block;
        return
        [
            (LanguageModelGraph.TokensName, tokens), (LanguageModelGraph.MaskName, mask), (LanguageModelGraph.PositionsName, positions),
            .. from layer in Enumerable.Range(0, network.Shape.Layers)
               from what in (string[])["key", "value"]
               let cached = past?[LanguageModelGraph.Present($"{layer}", what)]
               select (LanguageModelGraph.Past($"{layer}", what), cached is { } c
                   ? tensor(c.Values, c.Shape)
                   : zeros(tokens.size(0), block.KeyValueHeads, 0, block.HeadSize)),
        ];
    }

    private static LanguageModelTransformer Train()
    {
        var ml = new MLContext(seed: 1);
        return ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.GptNano with { Layers = 1, Heads = 2, EmbeddingSize = 8, ContextLength = 8 },
            MaxSteps = 2,
            Seed = 1,
        }).Fit(ml.Data.LoadFromEnumerable(Enumerable.Repeat(new { Text = "abba cab baca" }, 4)));
    }
}
