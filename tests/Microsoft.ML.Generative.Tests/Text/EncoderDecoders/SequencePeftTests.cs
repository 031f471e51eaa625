using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class SequencePeftTests : IDisposable
{
    private const string Prefix = "base_model.model.";
    private const int Width = 10;
    private const int Heads = 18;
    private const int Hidden = 13;

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    // Keys as PEFT's get_peft_model_state_dict writes them for T5ForConditionalGeneration.
    [Theory]
    [InlineData(FeedForwardKind.Relu, true)]
    [InlineData(FeedForwardKind.GeGluTanh, false)]
    public void Keys_of_all_linear_layers_are_exact(FeedForwardKind feedForward, bool isTied)
    {
        SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(feedForward, isTied);
        LoraWeights weights = Create(network, new LoraOptions { Rank = 2, Alpha = 5 });
        PeftFolder.Save(_folder.Path, SequenceToSequenceModules.PeftOf(network), weights);
        string[] inner = feedForward == FeedForwardKind.Relu ? ["wi"] : ["wi_0", "wi_1"];
        List<string> expected = [];
        for (int block = 0; block < 2; block++)
        {
            AddAttention($"encoder.block.{block}.layer.0.SelfAttention");
            AddFeedForward($"encoder.block.{block}.layer.1.DenseReluDense");
        }

        for (int block = 0; block < 3; block++)
        {
            AddAttention($"decoder.block.{block}.layer.0.SelfAttention");
            AddAttention($"decoder.block.{block}.layer.1.EncDecAttention");
            AddFeedForward($"decoder.block.{block}.layer.2.DenseReluDense");
        }

        Assert.Equal(expected.Order(StringComparer.Ordinal), Keys());
        Assert.Contains("base_model.model.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight [2, 10]", Keys());
        JsonNode config = JsonNode.Parse(File.ReadAllText(_folder.File("adapter_config.json")))!;
        Assert.Equal("SEQ_2_SEQ_LM", (string?)config["task_type"]);
        Assert.Equal((2, 5, false), ((int)config["r"]!, (int)config["lora_alpha"]!, (bool)config["fan_in_fan_out"]!));
        Assert.Equal(
            ["k", "o", "q", "v", .. inner, "wo"],
            config["target_modules"]!.AsArray().Select(name => (string)name!).Order(StringComparer.Ordinal));

        LoraWeights read = PeftFolder.Load(_folder.Path, "again", SequenceToSequenceModules.PeftOf(network));
        Assert.Equal(weights.Shape.Modules, read.Shape.Modules);
        Assert.Equal(Logits(network, weights), Logits(network, read));

        void AddAttention(string attention)
        {
            foreach (string part in (string[])["q", "k", "v"])
                Add($"{attention}.{part}", Width, Heads);
            Add($"{attention}.o", Heads, Width);
        }

        void AddFeedForward(string dense)
        {
            foreach (string name in inner)
                Add($"{dense}.{name}", Width, Hidden);
            Add($"{dense}.wo", Hidden, Width);
        }

        void Add(string module, int inputs, int outputs) => expected.AddRange(
            [$"{Prefix}{module}.lora_A.weight [2, {inputs}]", $"{Prefix}{module}.lora_B.weight [{outputs}, 2]"]);
    }

    // Put together by hand: y = W x + α / r · B A x. With layers_pattern, PEFT's numbers are those of blocks.
    [Fact]
    public void A_published_adapter_changes_the_weights_that_it_names()
    {
        SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.GeGluTanh, isTied: false);
        string[] modules =
        [
            "encoder.block.1.layer.0.SelfAttention.q",
            "decoder.block.1.layer.0.SelfAttention.q",
            "decoder.block.1.layer.1.EncDecAttention.q",
        ];
        Dictionary<string, Tensor> tensors = [];
        foreach (string module in modules)
        {
            tensors.Add($"{Prefix}{module}.lora_A.weight", randn(3, Width).to(ScalarType.BFloat16));
            tensors.Add($"{Prefix}{module}.lora_B.weight", randn(Heads, 3));
        }

        Write(
            """
            {"peft_type": "LORA", "task_type": "SEQ_2_SEQ_LM", "r": 3, "lora_alpha": 6, "target_modules": ["q"],
             "layers_to_transform": [1], "layers_pattern": "block", "fan_in_fan_out": false, "bias": "none"}
            """,
            tensors);
        LoraWeights read = PeftFolder.Load(_folder.Path, "x", SequenceToSequenceModules.PeftOf(network));
        float[] found = Logits(network, read);
        using (no_grad())
        {
            Layers.Linear[] layers =
            [
                network.Encoder.Blocks[1].QueriesKeysValues, network.Decoder.Blocks[1].QueriesKeysValues,
                network.Decoder.Blocks[1].Cross!.Queries,
            ];
            foreach ((string module, Layers.Linear layer) in modules.Zip(layers))
            {
                Tensor a = tensors[$"{Prefix}{module}.lora_A.weight"].to(ScalarType.Float32);
                // The queries are the first rows.
                layer.Weight.Dense().narrow(0, 0, Heads).add_(tensors[$"{Prefix}{module}.lora_B.weight"].mm(a) * 2);
            }
        }

        AssertClose(Logits(network, null), found);
    }

    // Without a pattern, PEFT takes the last number in a name: of T5, that of the layer in a block.
    [Fact]
    public void Numbers_without_a_pattern_are_those_that_PEFT_finds()
    {
        SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.Relu, isTied: true);
        string[] modules = [.. Enumerable.Range(0, 3).Select(block => $"decoder.block.{block}.layer.1.EncDecAttention.v")];
        Write(
            """{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["v"], "layers_to_transform": 1}""",
            modules.SelectMany(module => (KeyValuePair<string, Tensor>[])
            [
                new($"{Prefix}{module}.lora_A.weight", zeros(1, Width)), new($"{Prefix}{module}.lora_B.weight", zeros(Heads, 1)),
            ]).ToDictionary());
        LoraWeights read = PeftFolder.Load(_folder.Path, "x", SequenceToSequenceModules.PeftOf(network));
        Assert.Equal(
            Enumerable.Range(0, 3).Select(block => $"decoder.blocks.{block}.cross.value"),
            read.Shape.Modules.Select(module => module.Name));
    }

    [Theory]
    [InlineData("q_proj", "no module of the network. Its modules are 'encoder.blocks.0.attention.query' "
        + "('encoder.block.0.layer.0.SelfAttention.q')")]
    [InlineData("v", "16 missing: base_model.model.encoder.block.0.layer.0.SelfAttention.v.lora_A.weight")]
    [InlineData("v", "16 unexpected: 'base_model.model.decoder.block.0.layer.0.SelfAttention.q.lora_A.weight'")]
    [InlineData("shared", "no module of the network")]
    public void Keys_that_match_nothing_or_are_missing_are_listed(string target, string expected)
    {
        SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.Relu, isTied: true);
        PeftNetwork peft = SequenceToSequenceModules.PeftOf(network);
        PeftFolder.Save(_folder.Path, peft, Create(network, new LoraOptions { Rank = 2, TargetModules = ["q"] }));
        File.WriteAllText(
            _folder.File("adapter_config.json"), $$"""{"peft_type": "LORA", "r": 2, "target_modules": ["{{target}}"]}""");
        Assert.Contains(
            expected, Assert.Throws<InvalidDataException>(() => PeftFolder.Load(_folder.Path, "x", peft)).Message,
            StringComparison.Ordinal);
    }

    private static LoraWeights Create(SequenceToSequenceNetwork network, LoraOptions options)
    {
        AdaptableNetwork modules = network.Adaptable;
        var weights = new LoraWeights(LoraTargets.Find(options, network, modules), network, modules);
        weights.Initialize(LoraInitialization.Default, network, modules);
        using IDisposable noGradient = no_grad();
        foreach (Parameter parameter in weights.parameters())
            parameter.add_(randn(parameter.shape) * 0.2);
        return weights;
    }

    private static float[] Logits(SequenceToSequenceNetwork network, LoraWeights? weights)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using SequenceToSequenceNetwork own = network.Share();
        weights?.Share().AttachTo(own, own.Adaptable);
        own.eval();
        long[] source = [.. TinyEncoderDecoders.Source.Select(token => (long)token)];
        long[] target = [.. TinyEncoderDecoders.Target.Select(token => (long)token)];
        return own.Logits(tensor(source, [1, source.Length]), null, tensor(target, [1, target.Length])).data<float>().ToArray();
    }

    private void Write(string config, Dictionary<string, Tensor> tensors)
    {
        File.WriteAllText(_folder.File("adapter_config.json"), config);
        SafetensorsWriter.WriteFile(_folder.File("adapter_model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
    }

    private List<string> Keys()
    {
        using SafetensorsFile file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors"));
        return [.. file.Tensors.Values.Select(t => $"{t.Name} [{string.Join(", ", t.Shape)}]").Order(StringComparer.Ordinal)];
    }

    private static void AssertClose(float[] expected, float[] found) =>
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -1e-4, 1e-4));
}
