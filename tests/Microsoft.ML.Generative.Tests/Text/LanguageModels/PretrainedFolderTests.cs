using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class PretrainedFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt, exact gelu", "gpt2")]
    [InlineData("gpt, tanh gelu", "gpt2")]
    [InlineData("gpt without biases, untied", "gpt2")]
    [InlineData("llama", "llama")]
    [InlineData("llama, pairs side by side, grouped keys", "llama")]
    [InlineData("llama, biases of queries, large heads, untied", "qwen2")]
    [InlineData("llama, stretched linearly, with a window", "mistral")]
    [InlineData("llama 3.1's stretching", "llama")]
    public void A_saved_folder_is_read_back_as_the_same_model(string name, string modelType)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        Save(network);
        Assert.Equal(modelType, (string?)Config()["model_type"]);

        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        AssertSameLogits(network, loaded.Network);

        string again = Path.Combine(_folder.Path, "again");
        loaded.SavePretrained(again);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder.Path, "model.safetensors")), File.ReadAllBytes(Path.Combine(
            again, "model.safetensors")));
    }

    // Names and layouts as the published checkpoints have them, put together by hand.
    [Theory]
    [InlineData(torch.ScalarType.Float32, true)]
    [InlineData(torch.ScalarType.Float32, false)]
    [InlineData(torch.ScalarType.BFloat16, true)]
    [InlineData(torch.ScalarType.Float16, true)]
    public void A_published_GPT2_layout_is_understood(torch.ScalarType type, bool hasPrefix)
    {
        LanguageModelArchitecture a = TinyLanguageModels.All["gpt, tanh gelu"];
        Dictionary<string, torch.Tensor> own = Random(a, type);
        string p = hasPrefix ? "transformer." : "";
        var file =
            new Dictionary<string, torch.Tensor> { [p + "wte.weight"] = own["tokens.weight"], [p + "wpe.weight"] = own["positions"] };
        for (int i = 0; i < a.Layers; i++)
        {
            foreach ((string theirs, string ours) in ((string, string)[])[("ln_1", "attentionNorm"), ("ln_2", "feedForwardNorm"),
            ("attn.c_attn", "queriesKeysValues"),
                ("attn.c_proj", "attentionOut"), ("mlp.c_fc", "feedForwardIn"), ("mlp.c_proj", "feedForwardOut")])
            {
                torch.Tensor weight = own[$"blocks.{i}.{ours}.weight"];
                file[$"{p}h.{i}.{theirs}.weight"] = weight.dim() == 2 ? weight.t().contiguous() : weight;
                file[$"{p}h.{i}.{theirs}.bias"] = own[$"blocks.{i}.{ours}.bias"];
            }

            file[$"{p}h.{i}.attn.bias"] = torch.ones([1, 1, 12, 12]).tril().to(torch.ScalarType.Byte);
        }

        (file[p + "ln_f.weight"], file[p + "ln_f.bias"]) = (own["norm.weight"], own["norm.bias"]);
        Write(file, new JsonObject
        {
            ["model_type"] = "gpt2",
            ["vocab_size"] = 11,
            ["n_positions"] = 12,
            ["n_embd"] = 16,
            ["n_layer"] = 2,
            ["n_head"] = 4,
            ["activation_function"] = "gelu_new",
            ["unknown_to_anybody"] = 3,
        });
        AssertLoads(a, own);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_published_Llama_layout_is_understood_with_old_and_new_rope_keys(bool isNew)
    {
        LanguageModelArchitecture a = TinyLanguageModels.All["llama 3.1's stretching"] with { KeyValueHeads = 2, TieEmbeddings = false };
        Dictionary<string, torch.Tensor> own = Random(a, torch.ScalarType.Float32);
        var file = new Dictionary<string, torch.Tensor>
        {
            ["model.embed_tokens.weight"] = own["tokens.weight"],
            ["model.norm.weight"] = own["norm.weight"],
            ["lm_head.weight"] = own["head.weight"],
        };
        for (int i = 0; i < a.Layers; i++)
        {
            torch.Tensor attention = own[$"blocks.{i}.queriesKeysValues.weight"], feed = own[$"blocks.{i}.feedForwardIn.weight"];
            string layer = $"model.layers.{i}";
            file[$"{layer}.self_attn.q_proj.weight"] = attention[..16];
            file[$"{layer}.self_attn.k_proj.weight"] = attention[16..24];
            file[$"{layer}.self_attn.v_proj.weight"] = attention[24..32];
            file[$"{layer}.self_attn.o_proj.weight"] = own[$"blocks.{i}.attentionOut.weight"];
            file[$"{layer}.mlp.gate_proj.weight"] = feed[..24];
            file[$"{layer}.mlp.up_proj.weight"] = feed[24..48];
            file[$"{layer}.mlp.down_proj.weight"] = own[$"blocks.{i}.feedForwardOut.weight"];
            file[$"{layer}.input_layernorm.weight"] = own[$"blocks.{i}.attentionNorm.weight"];
            file[$"{layer}.post_attention_layernorm.weight"] = own[$"blocks.{i}.feedForwardNorm.weight"];
        }

        var rope = new JsonObject
        {
            ["rope_type"] = "llama3",
            ["factor"] = 8.0,
            ["low_freq_factor"] = 1.0,
            ["high_freq_factor"] = 4.0,
            ["original_max_position_embeddings"] = 40,
        };
        var config = new JsonObject
        {
            ["model_type"] = "llama",
            ["vocab_size"] = 11,
            ["max_position_embeddings"] = 12,
            ["hidden_size"] = 16,
            ["num_hidden_layers"] = 2,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2,
            ["intermediate_size"] = 24,
            ["rms_norm_eps"] = 1e-5,
        };
        if (isNew)
            rope["rope_theta"] = 50;
        else
            config["rope_theta"] = 50;
        config[isNew ? "rope_parameters" : "rope_scaling"] = rope;
        Write(file, config);
        AssertLoads(a, own);
    }

    [Fact]
    public void Missing_extra_and_misshapen_tensors_are_listed_by_name()
    {
        LanguageModelArchitecture a = TinyLanguageModels.All["llama"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(a);
        Save(network);
        Dictionary<string, torch.Tensor> file = HuggingFaceWeights.Of(network, HuggingFaceConfig.Of(a)).ToDictionary(
            t => t.Name, t => t.Tensor);
        file.Remove("model.norm.weight");
        file["model.extra.weight"] = torch.zeros(16);
        file["model.layers.1.mlp.down_proj.weight"] = torch.zeros(24, 16);
        SafetensorsWriter.WriteFile(Path.Combine(_folder.Path, "model.safetensors"), file.Select(f => (f.Key, f.Value)));

        string message = Refused<InvalidDataException>();
        Assert.Contains("1 missing: model.norm.weight", message);
        Assert.Contains("1 unexpected: 'model.extra.weight'", message);
        Assert.Contains("'model.layers.1.mlp.down_proj.weight' (found F32 [24, 16], expected F32 [16, 24])", message);
    }

    [Fact]
    public void Missing_tensors_are_named_where_they_leave_too_few_elements()
    {
        LanguageModelArchitecture a = TinyLanguageModels.All["llama"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(a);
        Save(network);
        Dictionary<string, torch.Tensor> file = Tensors(network);
        file.Remove("model.norm.weight");
        file.Remove("model.layers.1.self_attn.k_proj.weight");
        Replace(file);
        string message = Refused<InvalidDataException>();
        Assert.Contains("has more parameters", message);
        Assert.Contains("2 missing: model.layers.1.self_attn.k_proj.weight, model.norm.weight", message);
    }

    // Of the network without its head, as LlamaModel and GPT2Model are saved.
    [Theory]
    [InlineData("llama", "model.")]
    [InlineData("llama, biases of queries, large heads, untied", "model.")]
    [InlineData("gpt, tanh gelu", "transformer.")]
    public void Names_without_a_prefix_are_understood(string name, string prefix)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        Save(network);
        Replace(Tensors(network).ToDictionary(
            t => t.Key.StartsWith(prefix, StringComparison.Ordinal) ? t.Key[prefix.Length..] : t.Key, t => t.Value));
        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        AssertSameLogits(network, loaded.Network);
    }

    [Theory]
    [InlineData("llama", "model.embed_tokens.weight", true)]
    [InlineData("llama", "model.embed_tokens.weight", false)]
    [InlineData("gpt, tanh gelu", "transformer.wte.weight", true)]
    [InlineData("gpt, tanh gelu", "transformer.wte.weight", false)]
    public void A_shared_weight_may_have_the_head_s_name(string name, string embedding, bool hasPrefix)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        Save(network);
        Dictionary<string, torch.Tensor> file = Tensors(network);
        file.Remove(embedding, out torch.Tensor? weight);
        file.Add("lm_head.weight", weight!);
        if (!hasPrefix)
        {
            file = file.ToDictionary(
                t => t.Key[(t.Key.StartsWith("lm_head", StringComparison.Ordinal) ? 0 : t.Key.IndexOf('.') + 1)..], t => t.Value);
        }
        Replace(file);
        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        AssertSameLogits(network, loaded.Network);
    }

    [Fact]
    public void An_index_with_another_total_size_is_read_with_a_warning()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        File.Delete(_folder.File("model.safetensors"));
        SafetensorsShards.Write(_folder.Path, Tensors(network).Select(t => (t.Key, t.Value)), maxShardBytes: 4000);
        JsonObject index = Json("model.safetensors.index.json");
        index["metadata"]!["total_size"] = 7;
        File.WriteAllText(_folder.File("model.safetensors.index.json"), index.ToJsonString());
        var ml = new MLContext(seed: 1);
        List<string> warnings = Logs.Warnings(ml);
        using LanguageModelTransformer loaded = ml.Generative().LoadPretrainedLanguageModel(_folder.Path);
        AssertSameLogits(network, loaded.Network);
        Assert.Contains("'total_size'", Assert.Single(warnings));
        Assert.Contains("is 7", warnings[0]);
    }

    [Fact]
    public void A_window_of_Qwen2_is_saved_and_read()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(
            TinyLanguageModels.All["llama, biases of queries, large heads, untied"] with { SlidingWindow = 4 });
        Save(network);
        Assert.Equal(
            ("qwen2", true, 0),
            ((string?)Config()["model_type"], (bool?)Config()["use_sliding_window"], (int?)Config()["max_window_layers"]));
        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        Assert.Equal(4, loaded.Architecture.SlidingWindow);
        AssertSameLogits(network, loaded.Network);
    }

    [Fact]
    public void Sampling_without_a_limit_is_saved_as_such()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        // Without the key, transformers would sample from 50 tokens.
        Assert.Equal(0, (int?)Json("generation_config.json")["top_k"]);
        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        Assert.Equal((1.0, null), (loaded.Generator.Defaults.Temperature, loaded.Generator.Defaults.TopK));
    }

    [Fact]
    public void A_configuration_that_asks_for_more_than_its_weights_is_refused_before_the_network_is_made()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        JsonObject config = Config();
        (config["hidden_size"], config["head_dim"], config["num_hidden_layers"]) = (65_536, 16_384, 500);
        WriteConfig(config);
        Assert.Contains("elements; the network of", Refused<InvalidDataException>());
    }

    [Theory]
    [InlineData("model_type", "\"bert\"", "supported values: gpt2, llama, mistral, qwen2")]
    [InlineData("hidden_act", "\"relu\"", "'hidden_act' is 'relu'")]
    [InlineData("rope_scaling", "{\"rope_type\":\"yarn\",\"factor\":2.0}", "'rope_type' is 'yarn'")]
    [InlineData("rope_scaling", "{\"type\":\"linear\"}", "'factor' of 'linear' is missing")]
    [InlineData("num_attention_heads", "\"four\"", "'num_attention_heads'")]
    [InlineData("num_attention_heads", "-4", "'num_attention_heads' is -4")]
    [InlineData("num_key_value_heads", "3", "KeyValueHeads")]
    [InlineData("attention_bias", "true", "'attention_bias' is true and 'mlp_bias' false")]
    [InlineData("partial_rotary_factor", "0.5", "'partial_rotary_factor'")]
    [InlineData("vocab_size", "5", "5")]
    public void What_is_not_supported_is_refused_by_name(string key, string value, string expected)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        JsonObject config = Config();
        config[key] = JsonNode.Parse(value);
        WriteConfig(config);
        Assert.Contains(expected, Refused<InvalidDataException>());
    }

    [Fact]
    public void A_configuration_with_more_parameters_than_can_be_counted_is_refused()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        JsonObject config = Config();
        (config["hidden_size"], config["head_dim"], config["num_hidden_layers"]) = (2_000_000_000, 500_000_000, 2_000_000_000);
        WriteConfig(config);
        Assert.Contains("has more parameters", Refused<InvalidDataException>());
    }

    [Fact]
    public void A_pickle_is_refused_with_the_reason()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        File.Move(Path.Combine(_folder.Path, "model.safetensors"), Path.Combine(_folder.Path, "pytorch_model.bin"));
        string message = Refused<InvalidDataException>();
        Assert.Contains("'pytorch_model.bin'", message);
        Assert.Contains("pickle", message);
    }

    [Fact]
    public void A_folder_without_a_model_says_what_is_missing()
    {
        Assert.Contains("config.json", Refused<FileNotFoundException>());
        Assert.Throws<DirectoryNotFoundException>(() =>
            new MLContext().Generative().LoadPretrainedLanguageModel(Path.Combine(_folder.Path, "nowhere")));
    }

    [Fact]
    public void A_network_that_transformers_lacks_is_not_saved_in_its_layout()
    {
        LanguageModelArchitecture odd = TinyLanguageModels.All["gpt with a window and grouped keys"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(odd);
        var error = Assert.Throws<NotSupportedException>(() => Save(network));
        Assert.Contains("grouped keys", error.Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_network_with_an_adapter_is_saved_once_it_is_merged()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        network.Blocks[0].FeedForwardIn.Attach(new TestAdapter(16, 24), LayerPart.Gate);
        Assert.Contains("'blocks.0.feedForwardIn' has an adapter", Assert.Throws<NotSupportedException>(() => Save(network)).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));

        network.Blocks[0].FeedForwardIn.MergeAdapters();
        Save(network);
        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        AssertSameLogits(network, loaded.Network);
    }

    [Theory]
    [InlineData("generation_config.json")]
    [InlineData("config.json")]
    public void All_tokens_that_end_a_text_come_with_the_folder_and_go_with_the_model(string file)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        int[] ends = [2, 5, 7];
        foreach (string name in (string[])["config.json", "generation_config.json"])
        {
            JsonObject json = Json(name);
            if (name == file)
                json["eos_token_id"] = new JsonArray([.. ends.Select(end => (JsonNode)end)]);
            else
                json.Remove("eos_token_id");
            File.WriteAllText(Path.Combine(_folder.Path, name), json.ToJsonString());
        }

        var ml = new MLContext(seed: 1);
        using LanguageModelTransformer model = ml.Generative().LoadPretrainedLanguageModel(_folder.Path);
        Assert.Equal([.. ends, .. Codec.Ends], model.Codec.Ends);
        // Not the end that the tokenizer tells of.
        string text = model.Generate(
            "abc", new() { MaxTokens = 400, Seed = 1, LogitBias = Codec.Ends.ToDictionary(end => end, _ => float.NegativeInfinity) });
        Assert.DoesNotContain(ends.SelectMany(end => Codec.Tokenizer.Decode([end])), text.Contains);
        Assert.True(text.Length < 200);

        string again = Path.Combine(_folder.Path, "again"), zip = Path.Combine(_folder.Path, "model.zip");
        model.SavePretrained(again);
        foreach (string name in (string[])["config.json", "generation_config.json"])
            Assert.Equal(model.Codec.Ends, Json(Path.Combine("again", name))["eos_token_id"]!.AsArray().Select(end => (int)end!));
        using LanguageModelTransformer loaded = ml.Generative().LoadPretrainedLanguageModel(again);
        Assert.Equal(model.Codec.Ends, loaded.Codec.Ends);
        ml.Model.Save(model, TinyText.Data(ml).Schema, zip);
        using var unzipped = (LanguageModelTransformer)ml.Model.Load(zip, out _);
        Assert.Equal(model.Codec.Ends, unzipped.Codec.Ends);
    }

    [Fact]
    public void A_token_that_cannot_end_a_text_is_refused()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Save(network);
        foreach ((string end, string words) in ((string, string)[])
        [
            ("[2, 11]", "eos_token_id 2, 11; the model knows tokens up to 10"), ("-1", "'eos_token_id'"), ("[\"a\"]", "eos_token_id"),
        ])
        {
            JsonObject json = Json("generation_config.json");
            json["eos_token_id"] = JsonNode.Parse(end);
            File.WriteAllText(Path.Combine(_folder.Path, "generation_config.json"), json.ToJsonString());
            Assert.Contains(words, Refused<InvalidDataException>());
        }
    }

    [Fact]
    public void Generation_settings_come_with_the_folder()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        PretrainedLanguageModel.Save(_folder.Path, network, Codec, new TextGenerationOptions { Temperature = 0, MaxTokens = 4 });
        using LanguageModelTransformer greedy = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        using LanguageModelTransformer again = new MLContext(seed: 2).Generative().LoadPretrainedLanguageModel(_folder.Path);
        Assert.Equal(greedy.Generate("abc"), again.Generate("abc"));
        Assert.True(greedy.Generate("abc").Length <= 4);
    }

    private static TextCodec Codec { get; } = TextCodec.Of(
        GenerativeTokenizers.CharacterLevel(["abcdefghij"], new CharacterLevelOptions { EndOfTextToken = "<end>" }));

    internal static void Save(string folder, LanguageModelNetwork network) =>
        PretrainedLanguageModel.Save(folder, network, Codec, new TextGenerationOptions());

    private void Save(LanguageModelNetwork network) => Save(_folder.Path, network);

    private JsonObject Config() => Json("config.json");

    private JsonObject Json(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.Path, name)))!.AsObject();

    private void WriteConfig(JsonObject config) => File.WriteAllText(Path.Combine(_folder.Path, "config.json"), config.ToJsonString());

    private void Write(Dictionary<string, torch.Tensor> tensors, JsonObject config)
    {
        SafetensorsWriter.WriteFile(Path.Combine(_folder.Path, "model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
        foreach ((string name, byte[] bytes) in TokenizerFiles.Save(Codec.Tokenizer))
            File.WriteAllBytes(Path.Combine(_folder.Path, name), bytes);
        WriteConfig(config);
    }

    private static Dictionary<string, torch.Tensor> Tensors(LanguageModelNetwork network) =>
        HuggingFaceWeights.Of(network, HuggingFaceConfig.Of(network.Architecture)).ToDictionary(t => t.Name, t => t.Tensor);

    private void Replace(Dictionary<string, torch.Tensor> tensors) =>
        SafetensorsWriter.WriteFile(_folder.File("model.safetensors"), tensors.Select(t => (t.Key, t.Value)));

    private static Dictionary<string, torch.Tensor> Random(LanguageModelArchitecture architecture, torch.ScalarType type)
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        return ModuleWeights.Of(network).ToDictionary(t => t.Name, t => t.Tensor.detach().to(type));
    }

    private void AssertLoads(LanguageModelArchitecture architecture, Dictionary<string, torch.Tensor> own)
    {
        double[][] expected = new ReferenceDecoder(architecture, own.Select(o => (o.Key, o.Value.to(torch.ScalarType.Float32)))).Logits(
            TinyLanguageModels.Tokens);
        using LanguageModelTransformer loaded = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(_folder.Path);
        double[][] found = LanguageModelNetworkTests.Logits(loaded.Network, TinyLanguageModels.Tokens);
        for (int t = 0; t < expected.Length; t++)
        {
            for (int i = 0; i < expected[t].Length; i++)
                Assert.Equal(expected[t][i], found[t][i], 1e-3);
        }
    }

    private static void AssertSameLogits(LanguageModelNetwork expected, LanguageModelNetwork found)
    {
        foreach ((double[] e, double[] f) in LanguageModelNetworkTests.Logits(expected, TinyLanguageModels.Tokens)
            .Zip(LanguageModelNetworkTests.Logits(found, TinyLanguageModels.Tokens)))
        {
            for (int i = 0; i < e.Length; i++)
                Assert.Equal(e[i], f[i], 1e-4);
        }
    }

    private string Refused<TException>()
        where TException : Exception =>
        Assert.Throws<TException>(() => new MLContext().Generative().LoadPretrainedLanguageModel(_folder.Path)).Message;
}
