using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Names and layouts as the published checkpoints have them, put together by hand.</summary>
public sealed class T5FolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, "shared.weight", torch.ScalarType.Float32)]
    [InlineData(true, "shared.weight", torch.ScalarType.BFloat16)]
    [InlineData(true, "encoder.embed_tokens.weight", torch.ScalarType.Float32)]
    [InlineData(false, "shared.weight", torch.ScalarType.Float32)]
    public void A_published_layout_is_understood(bool isTied, string embedding, torch.ScalarType type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        SequenceToSequenceArchitecture a = TinyEncoderDecoders.Architecture(
            isTied ? FeedForwardKind.Relu : FeedForwardKind.GeGluTanh, isTied, vocabularySize: 14);
        Dictionary<string, torch.Tensor> file = FileOf(a, embedding, type);
        Write(file, ConfigOf(a, isTied ? "t5" : "mt5"));

        using SequenceToSequenceTransformer model = new MLContext(seed: 1).Generative().LoadPretrainedSequenceToSequence(_folder.Path);

        SequenceToSequenceNetwork network = model.Network;
        Assert.Equal(a.CountParameters(), model.Architecture.CountParameters());
        AssertSame(file[embedding], network.Decoder.Tokens.Weight);
        TransformerBlock encoder = network.Encoder.Blocks[1], decoder = network.Decoder.Blocks[2];
        AssertSame(
            torch.cat([.. "qkv".Select(part => file[$"encoder.block.1.layer.0.SelfAttention.{part}.weight"])]),
            encoder.QueriesKeysValues.Weight.Plain!);
        AssertSame(file["encoder.block.1.layer.1.DenseReluDense.wo.weight"], encoder.FeedForwardOut.Weight.Plain!);
        AssertSame(file["encoder.block.1.layer.1.layer_norm.weight"], encoder.FeedForwardNorm.Gain);
        AssertSame(file["decoder.block.2.layer.1.EncDecAttention.q.weight"], decoder.Cross!.Queries.Weight.Plain!);
        AssertSame(
            torch.cat([.. "kv".Select(part => file[$"decoder.block.2.layer.1.EncDecAttention.{part}.weight"])]),
            decoder.Cross.KeysValues.Weight.Plain!);
        AssertSame(file["decoder.block.2.layer.1.EncDecAttention.o.weight"], decoder.Cross.Output.Weight.Plain!);
        AssertSame(file["decoder.block.2.layer.1.layer_norm.weight"], decoder.Cross.Norm.Gain);
        AssertSame(file["decoder.block.2.layer.2.layer_norm.weight"], decoder.FeedForwardNorm.Gain);
        AssertSame(
            isTied
                ? file["decoder.block.2.layer.2.DenseReluDense.wi.weight"]
                : torch.cat([.. "01".Select(part => file[$"decoder.block.2.layer.2.DenseReluDense.wi_{part}.weight"])]),
            decoder.FeedForwardIn.Weight.Plain!);
        AssertSame(
            file["decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"], network.Decoder.Relative!.Buckets.Weight);
        AssertSame(file["decoder.final_layer_norm.weight"], network.Decoder.Norm.Gain);
        if (!isTied)
            AssertSame(file["lm_head.weight"], network.Decoder.Head.Weight.Plain!);

        string again = Path.Combine(_folder.Path, "again");
        model.SavePretrained(again);
        using ISafetensorsReader saved = SafetensorsReader.Open(again);
        Assert.Equal(
            file.Keys.Where(name => !name.EndsWith("embed_tokens.weight")).Append("shared.weight").Distinct().Order(StringComparer.Ordinal),
            saved.Tensors.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("model_type", "\"bart\"", "'model_type' is 'bart'; supported values: t5, mt5")]
    [InlineData("feed_forward_proj", "\"swish\"", "'feed_forward_proj' is 'swish'; supported values: relu, gated-gelu")]
    [InlineData("num_heads", "0", "Heads is 0")]
    [InlineData("decoder_start_token_id", "99", "'decoder_start_token_id' is 99, but 'vocab_size' 14")]
    [InlineData("vocab_size", "5", "the model knows 5")]
    public void What_does_not_fit_is_named(string key, string value, string message)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        SequenceToSequenceArchitecture a = TinyEncoderDecoders.Architecture(FeedForwardKind.Relu, isTied: true, vocabularySize: 14);
        JsonObject config = ConfigOf(a, "t5");
        config[key] = JsonNode.Parse(value);
        Write(FileOf(a, "shared.weight", torch.ScalarType.Float32), config);

        Assert.Contains(message, Assert.Throws<InvalidDataException>(
            () => new MLContext().Generative().LoadPretrainedSequenceToSequence(_folder.Path)).Message);
    }

    [Fact]
    public void A_missing_tensor_is_named()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        SequenceToSequenceArchitecture a = TinyEncoderDecoders.Architecture(FeedForwardKind.Relu, isTied: true, vocabularySize: 14);
        Dictionary<string, torch.Tensor> file = FileOf(a, "shared.weight", torch.ScalarType.Float32);
        file.Remove("decoder.block.1.layer.1.EncDecAttention.k.weight");
        Write(file, ConfigOf(a, "t5"));

        Assert.Contains("decoder.block.1.layer.1.EncDecAttention.k.weight", Assert.Throws<InvalidDataException>(
            () => new MLContext().Generative().LoadPretrainedSequenceToSequence(_folder.Path)).Message);
    }

    // The texts and ids of transformers' tests; ByT5 has no file for its tokenizer.
    [Theory]
    [InlineData("Unicode €.", new[] { 88, 113, 108, 102, 114, 103, 104, 35, 229, 133, 175, 49, 1 })]
    [InlineData("e è é ê ë", new[] { 104, 35, 198, 171, 35, 198, 172, 35, 198, 173, 35, 198, 174, 1 })]
    public void The_tokens_of_ByT5_are_bytes(string text, int[] ids)
    {
        File.WriteAllText(Path.Combine(_folder.Path, "tokenizer_config.json"), """{"tokenizer_class": "ByT5Tokenizer"}""");

        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFolder(_folder.Path));

        Assert.Equal(ids, codec.EncodeDocument(text));
        Assert.Equal(text, codec.Tokenizer.Decode(ids));
        Assert.Equal(384, codec.VocabularySize);
        Assert.Equal(0, SequenceTokens.Of(codec).Start);
        Assert.Equal(259, codec.IdOf("<extra_id_0>"));
        Assert.Equal([100, 259, 101, 260, 1], codec.EncodeWithSpecialTokens("a<extra_id_0>b<extra_id_1>"));
    }

    private static Dictionary<string, torch.Tensor> FileOf(SequenceToSequenceArchitecture a, string embedding, torch.ScalarType type)
    {
        var file = new Dictionary<string, torch.Tensor>();
        int heads = a.Heads * a.HeadSize!.Value, width = a.EmbeddingSize, hidden = a.FeedForwardSize!.Value;
        Add(embedding, a.VocabularySize, width);
        if (!a.TieEmbeddings)
            Add("lm_head.weight", a.VocabularySize, width);
        foreach ((string stack, int layers) in ((string, int)[])[("encoder", a.Layers), ("decoder", a.DecoderLayers!.Value)])
        {
            for (int i = 0; i < layers; i++)
            {
                string name = $"{stack}.block.{i}.layer";
                AddAttention($"{name}.0.SelfAttention");
                if (i == 0)
                    Add($"{name}.0.SelfAttention.relative_attention_bias.weight", a.PositionBuckets, a.Heads);
                Add($"{name}.0.layer_norm.weight", width);
                if (stack == "decoder")
                {
                    AddAttention($"{name}.1.EncDecAttention");
                    Add($"{name}.1.layer_norm.weight", width);
                }

                string last = $"{name}.{(stack == "decoder" ? 2 : 1)}";
                foreach (string first in (string[])(a.FeedForward == FeedForwardKind.Relu ? ["wi"] : ["wi_0", "wi_1"]))
                    Add($"{last}.DenseReluDense.{first}.weight", hidden, width);
                Add($"{last}.DenseReluDense.wo.weight", width, hidden);
                Add($"{last}.layer_norm.weight", width);
            }

            Add($"{stack}.final_layer_norm.weight", width);
        }

        return file;

        void Add(string name, params long[] shape) => file.Add(name, torch.randn(shape).to(type));

        void AddAttention(string name)
        {
            foreach (char part in "qkv")
                Add($"{name}.{part}.weight", heads, width);
            Add($"{name}.o.weight", width, heads);
        }
    }

    private static JsonObject ConfigOf(SequenceToSequenceArchitecture a, string type) => new()
    {
        ["model_type"] = type,
        ["vocab_size"] = a.VocabularySize,
        ["d_model"] = a.EmbeddingSize,
        ["d_kv"] = a.HeadSize,
        ["d_ff"] = a.FeedForwardSize,
        ["num_layers"] = a.Layers,
        ["num_decoder_layers"] = a.DecoderLayers,
        ["num_heads"] = a.Heads,
        ["relative_attention_num_buckets"] = a.PositionBuckets,
        ["relative_attention_max_distance"] = a.MaxPositionDistance,
        ["decoder_start_token_id"] = 0,
        ["eos_token_id"] = 8,
    };

    private void Write(Dictionary<string, torch.Tensor> file, JsonObject config)
    {
        SafetensorsShards.Write(_folder.Path, file.Select(tensor => (tensor.Key, tensor.Value)));
        File.WriteAllText(Path.Combine(_folder.Path, "config.json"), config.ToJsonString());
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(
            ["abcdefgh"], new CharacterLevelOptions { EndOfTextToken = "</s>" });
        File.WriteAllBytes(Path.Combine(_folder.Path, "tokenizer.json"), tokenizer.Json.ToArray());
    }

    private static void AssertSame(torch.Tensor expected, torch.Tensor found) =>
        Assert.True(expected.to(torch.ScalarType.Float32).Equals(found.detach()));
}
