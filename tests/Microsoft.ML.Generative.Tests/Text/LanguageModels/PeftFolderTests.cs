using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class PeftFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("gpt, tanh gelu", "all-linear", false)]
    [InlineData("gpt, tanh gelu", "c_attn", true)]
    [InlineData("gpt without biases, untied", "lm_head", false)]
    [InlineData("llama", "all-linear", true)]
    [InlineData("llama, pairs side by side, grouped keys", "all-linear", true)]
    [InlineData("llama, biases of queries, large heads, untied", "all-linear", false)]
    [InlineData("llama, stretched linearly, with a window", "q_proj", false)]
    public void A_saved_adapter_is_read_back_as_the_same(string name, string target, bool usesDora)
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        LoraOptions options =
            new() { TargetModules = [target], UseDora = usesDora, Bias = LoraBias.All, ModulesToSave = ["norm", "tokens"] };
        LoraWeights weights = Create(network, options);
        Save(network, weights);
        LoraWeights read = Load(network, "again");
        Assert.Equal(weights.Shape.Modules, read.Shape.Modules);
        Assert.Equal(weights.Shape.Tensors, read.Shape.Tensors);
        Assert.Equal(Logits(network, weights), Logits(network, read));
    }

    // Keys as PEFT's get_peft_model_state_dict writes them.
    [Fact]
    public void Keys_of_a_llama_are_exact()
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama, biases of queries, large heads, untied"]);
        LoraOptions options = new()
        {
            Rank = 2,
            Alpha = 5,
            TargetModules = ["query", "down"],
            UseDora = true,
            UseRsLora = true,
            Bias = LoraBias.All,
            ModulesToSave = ["lm_head"],
            RankPattern = { ["down"] = 3 },
            AlphaPattern = { [@"blocks\.1\.attention\.query"] = 7 },
        };
        Save(network, Create(network, options));
        const string p = "base_model.model.model.layers.";
        Assert.Equal(
            new[] { 0, 1 }.SelectMany(i => (string[])
            [
                $"{p}{i}.self_attn.q_proj.lora_A.weight [2, 16]",
                $"{p}{i}.self_attn.q_proj.lora_B.weight [24, 2]",
                $"{p}{i}.self_attn.q_proj.lora_magnitude_vector [24]",
                $"{p}{i}.mlp.down_proj.lora_A.weight [3, 24]",
                $"{p}{i}.mlp.down_proj.lora_B.weight [16, 3]",
                $"{p}{i}.mlp.down_proj.lora_magnitude_vector [16]",
                $"{p}{i}.self_attn.q_proj.base_layer.bias [24]",
                $"{p}{i}.self_attn.k_proj.bias [12]",
                $"{p}{i}.self_attn.v_proj.bias [12]",
            ]).Append("base_model.model.lm_head.weight [11, 16]").Order(StringComparer.Ordinal),
            Keys());
        JsonNode config = Config();
        Assert.Equal("LORA", (string?)config["peft_type"]);
        Assert.Equal("CAUSAL_LM", (string?)config["task_type"]);
        Assert.Equal(["q_proj", "down_proj"], config["target_modules"]!.AsArray().Select(n => (string?)n));
        Assert.Equal((2, 5, "all"), ((int)config["r"]!, (int)config["lora_alpha"]!, (string?)config["bias"]));
        Assert.Equal((true, true, false), ((bool)config["use_rslora"]!, (bool)config["use_dora"]!, (bool)config["fan_in_fan_out"]!));
        Assert.Equal(
            ["model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"], config["rank_pattern"]!.AsObject().Select(m => m.Key));
        Assert.Equal("model.layers.1.self_attn.q_proj", config["alpha_pattern"]!.AsObject().Single().Key);
        Assert.Equal(["lm_head"], config["modules_to_save"]!.AsArray().Select(n => (string?)n));
    }

    // Keys of PEFT's lora.Embedding, and the weights that save_embedding_layers adds to them.
    [Theory]
    [InlineData("llama", "model.embed_tokens", false)]
    [InlineData("llama, biases of queries, large heads, untied", "embed_tokens", true)]
    [InlineData("gpt, tanh gelu", "wte", false)]
    public void Adapters_of_the_token_embedding_have_keys_of_their_own(string name, string target, bool usesDora)
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        LoraWeights weights = Create(network, new LoraOptions { Rank = 3, TargetModules = [target], UseDora = usesDora });
        Save(network, weights);
        string module = name.StartsWith("gpt", StringComparison.Ordinal) ? "transformer.wte" : "model.embed_tokens";
        string p = $"base_model.model.{module}";
        Assert.Equal(
            [
                $"{p}.lora_embedding_A [3, 11]", $"{p}.lora_embedding_B [16, 3]",
                .. usesDora ? (string[])[$"{p}.lora_magnitude_vector [16]"] : [],
            ],
            Keys());
        double[][] expected = Logits(network, weights);
        AssertClose(expected, Logits(network, Load(network, "again")));

        Dictionary<string, torch.Tensor> all = Read();
        all.Add($"{p}.base_layer.weight", network.Tokens.Weight.detach());
        all.Add("base_model.model.lm_head.weight", network.Head.Matrix().detach());
        Write(File.ReadAllText(Path.Combine(_folder.Path, "adapter_config.json")), [.. all.Select(t => (t.Key, t.Value))]);
        AssertClose(expected, Logits(network, Load(network, "again")));
    }

    [Fact]
    public void The_bias_of_a_target_alone_is_saved_where_only_those_are_trained()
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama, biases of queries, large heads, untied"]);
        LoraWeights weights = Create(network, new LoraOptions { Rank = 2, TargetModules = ["query"], Bias = LoraBias.LoraOnly });
        torch.Tensor own = network.Blocks[0].QueriesKeysValues.Bias!;
        torch.Tensor learned = weights.Tensors.First().Parameter;
        using (torch.no_grad())
        {
            own.copy_(torch.randn(own.shape));
            learned.narrow(0, 24, 24).copy_(own.narrow(0, 24, 24));
        }

        Save(network, weights);
        Assert.Equal("lora_only", (string?)Config()["bias"]);
        Assert.Equal(
            ((int[])[0, 1]).Select(i => $"base_model.model.model.layers.{i}.self_attn.q_proj.base_layer.bias [24]"),
            Keys().Where(key => key.Contains("bias", StringComparison.Ordinal)));
        LoraWeights read = Load(network, "again");
        Assert.True(read.Tensors.First().Parameter.allclose(learned, 0, 0));
    }

    [Fact]
    public void Adapters_of_parts_of_GPT2s_module_are_one_in_the_file()
    {
        foreach (bool usesDora in (bool[])[false, true])
        {
            LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["gpt, tanh gelu"]);
            LoraOptions options = new()
            {
                Rank = 2,
                TargetModules = ["query", "value", "attn.c_proj"],
                UseDora = usesDora,
                RankPattern = { ["value"] = 3 },
            };
            LoraWeights weights = Create(network, options);
            Save(network, weights);
            const string p = "base_model.model.transformer.h.0.attn.";
            string[] own = usesDora ? [$"{p}c_attn.lora_magnitude_vector [48]", $"{p}c_proj.lora_magnitude_vector [16]"] : [];
            Assert.Equal(
                [
                    $"{p}c_attn.lora_A.weight [5, 16]", $"{p}c_attn.lora_B.weight [48, 5]", .. own[..^(own.Length / 2)],
                    $"{p}c_proj.lora_A.weight [2, 16]", $"{p}c_proj.lora_B.weight [16, 2]", .. own[(own.Length / 2)..],
                ],
                Keys().Where(key => key.StartsWith(p, StringComparison.Ordinal)));
            Assert.True((bool)Config()["fan_in_fan_out"]!);
            Assert.Equal(["c_attn", "attn.c_proj"], Config()["target_modules"]!.AsArray().Select(n => (string?)n));
            LoraWeights read = Load(network, "again");
            AssertClose(Logits(network, weights), Logits(network, read));
        }
    }

    // Put together by hand: y = W x + α / r · B A x for the queries of the second block.
    [Fact]
    public void A_published_adapter_changes_the_weights_that_it_names()
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        torch.Tensor a = torch.randn(3, 16), b = torch.randn(16, 3);
        Write(
            """
            {"peft_type": "LORA", "r": 3, "lora_alpha": 6, "target_modules": ["q_proj"], "layers_to_transform": [1],
             "fan_in_fan_out": false, "bias": "none", "lora_dropout": 0.1, "revision": null}
            """,
            ("base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight", a.to(torch.ScalarType.BFloat16)),
            ("base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight", b));
        LoraWeights read = Load(network, "x");
        double[][] found = Logits(network, read);
        using (torch.no_grad())
        {
            torch.Tensor rounded = a.to(torch.ScalarType.BFloat16).to(torch.ScalarType.Float32);
            network.Blocks[1].QueriesKeysValues.Weight.Dense().narrow(0, 0, 16).add_(b.mm(rounded) * 2);
        }

        AssertClose(LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens), found);
    }

    [Theory]
    [InlineData("""{"r": 2}""", "'peft_type' is 'missing'; expected 'LORA'")]
    [InlineData("""{"peft_type": "IA3"}""", "'peft_type' is 'IA3'")]
    [InlineData("""{"peft_type": "LORA", "r": 2}""", "'target_modules' is missing")]
    [InlineData(
        """{"peft_type": "LORA", "r": 2, "target_modules": ["c_attn"]}""", "TargetModules has 'c_attn', which is no module of the network")]
    [InlineData("""{"peft_type": "LORA", "r": 2, "target_modules": "(?!x).*"}""", "not a regular expression that is supported")]
    [InlineData("""{"peft_type": "LORA", "r": 0, "target_modules": ["q_proj"]}""", "Rank is 0")]
    [InlineData("""{"peft_type": "LORA", "r": 10000000, "target_modules": ["q_proj"]}""", "expected F32 [10000000, 16]")]
    [InlineData("""{"peft_type": "LORA", "r": 3, "target_modules": ["q_proj"]}""", "found F32 [2, 16], expected F32 [3, 16]", true)]
    [InlineData("""{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj", "v_proj"]}""", "4 missing: "
        + "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight, "
        + "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight", true)]
    [InlineData(
        """{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "layers_to_transform": 1}""",
        "2 unexpected: 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'", true)]
    [InlineData(
        """{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "init_lora_weights": "pissa_niter_16"}""",
        "'pissa_niter_16', which changes the base model")]
    [InlineData("""{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "lora_bias": true}""", "'lora_bias' is true")]
    [InlineData(
        """{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "trainable_token_indices": [1]}""",
        "'trainable_token_indices' is set")]
    public void What_does_not_fit_is_listed(string config, string expected, bool isFilled = false)
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network, Create(network, new LoraOptions { Rank = 2, TargetModules = ["q_proj"] }));
        File.WriteAllText(Path.Combine(_folder.Path, "adapter_config.json"), config);
        string message = Assert.Throws<InvalidDataException>(() => Load(network, "x")).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains(isFilled ? "adapter_model.safetensors" : _folder.Path, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_its_files_is_named()
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Assert.Contains(
            "no 'adapter_config.json'", Assert.Throws<FileNotFoundException>(() => Load(network, "x")).Message);
        File.WriteAllText(
            Path.Combine(_folder.Path, "adapter_config.json"), """{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}""");
        File.WriteAllText(Path.Combine(_folder.Path, "adapter_model.bin"), "pickle");
        Assert.Contains("'adapter_model.bin', a Python pickle", Assert.Throws<InvalidDataException>(() =>
            Load(network, "x")).Message);
    }

    [Fact]
    public void The_file_of_a_small_models_adapter_has_kilobytes()
    {
        LanguageModelArchitecture architecture = LanguageModelArchitecture.GptNano with
        {
            VocabularySize = 65,
            Layers = 4,
            Heads = 4,
            EmbeddingSize = 128,
            ContextLength = 64,
        };
        LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        Save(network, Create(network, new LoraOptions { TargetModules = ["query", "value"] }));
        // 4 layers · (A of 16 × 128 for both, and B of 384 × 16 with the rows of the keys).
        const long expected = 4 * 16 * (128 + 384) * sizeof(float);
        Assert.InRange(new FileInfo(Path.Combine(_folder.Path, "adapter_model.safetensors")).Length, expected, expected + 2000);
    }

    [Fact]
    public void A_model_saves_and_loads_its_adapter()
    {
        var ml = new MLContext(seed: 1);
        LanguageModelOptions options = TinyText.Options();
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
        options = TinyText.Options();
        options.Architecture = LanguageModelArchitecture.GptNano;
        options.BaseModel = model;
        options.Adapter = new LoraOptions { Rank = 2, Initialization = LoraInitialization.Pissa, UseRsLora = true };
        using LanguageModelTransformer tuned = ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
        tuned.SaveAdapter(_folder.Path);
        // An ordinary adapter of twice the rank, with the same scale.
        Assert.Equal((4, 16 * Math.Sqrt(2)), ((int)Config()["r"]!, (double)Config()["lora_alpha"]!));
        using LanguageModelTransformer loaded = model.LoadAdapter(_folder.Path, "again");
        Assert.Equal("again", loaded.ActiveAdapter);
        AssertClose(
            LanguageModelNetworkTests.Logits(tuned.Network, TinyLanguageModels.Tokens),
            LanguageModelNetworkTests.Logits(loaded.Network, TinyLanguageModels.Tokens));
        Assert.Contains("uses no adapter", Assert.Throws<InvalidOperationException>(() => model.SaveAdapter(_folder.Path)).Message);
        Assert.Contains("has an adapter", Assert.Throws<NotSupportedException>(() => tuned.SavePretrained(_folder.File("x"))).Message);
        using LanguageModelTransformer merged = tuned.Merge();
        merged.SavePretrained(_folder.File("merged"));
    }

    private void Save(LanguageModelNetwork network, LoraWeights weights) =>
        PeftFolder.Save(_folder.Path, PeftLanguageModel.Of(network), weights);

    private LoraWeights Load(LanguageModelNetwork network, string name) =>
        PeftFolder.Load(_folder.Path, name, PeftLanguageModel.Of(network));

    private static LoraWeights Create(LanguageModelNetwork network, LoraOptions options)
    {
        AdaptableNetwork modules = LanguageModelModules.Of(network);
        var weights = new LoraWeights(LoraTargets.Find(options, network, modules), network, modules);
        weights.Initialize(LoraInitialization.Default, network, modules);
        using IDisposable noGradient = torch.no_grad();
        foreach (Parameter parameter in weights.parameters())
            parameter.add_(torch.randn(parameter.shape) * 0.2);
        return weights;
    }

    private static double[][] Logits(LanguageModelNetwork network, LoraWeights weights)
    {
        using LanguageModelNetwork own = network.Share();
        LoraWeights shared = weights.Share();
        shared.AttachTo(own, LanguageModelModules.Of(own));
        own.eval();
        return LanguageModelNetworkTests.Logits(own, TinyLanguageModels.Tokens);
    }

    private void Write(string config, params (string Name, torch.Tensor Tensor)[] tensors)
    {
        File.WriteAllText(Path.Combine(_folder.Path, "adapter_config.json"), config);
        SafetensorsWriter.WriteFile(Path.Combine(_folder.Path, "adapter_model.safetensors"), tensors);
    }

    private Dictionary<string, torch.Tensor> Read()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_folder.Path, "adapter_model.safetensors"));
        Dictionary<string, torch.Tensor> all = file.Tensors.Values.ToDictionary(t => t.Name, t => torch.empty(t.Shape, t.Type));
        file.ReadInto(all);
        return all;
    }

    private List<string> Keys()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_folder.Path, "adapter_model.safetensors"));
        return [.. file.Tensors.Values.Select(t => $"{t.Name} [{string.Join(", ", t.Shape)}]").Order(StringComparer.Ordinal)];
    }

    private JsonNode Config() => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.Path, "adapter_config.json")))!;

    private static void AssertClose(double[][] expected, double[][] found)
    {
        foreach ((double[] e, double[] f) in expected.Zip(found))
            Assert.All(e.Zip(f), pair => Assert.InRange(pair.Second - pair.First, -1e-4, 1e-4));
    }
}
