using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Configurations of few keys, against the configuration classes of transformers 5.</summary>
public sealed class HuggingFaceConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // vocabulary, context, layers, heads, key heads, width, feed-forward, end
    [Theory]
    [InlineData("gpt2", 50_257, 1024, 12, 12, 12, 768, 3072, 50_256)]
    [InlineData("llama", 32_000, 2048, 32, 32, 32, 4096, 11_008, 2)]
    [InlineData("mistral", 32_000, 131_072, 32, 32, 8, 4096, 14_336, 2)]
    [InlineData("qwen2", 151_936, 32_768, 32, 32, 32, 4096, 22_016, null)]
    public void Missing_sizes_are_those_of_the_class(
        string type, int vocabulary, int context, int layers, int heads, int keyHeads, int width, int feedForward, int? end)
    {
        HuggingFaceConfig config = Read($$"""{"model_type":"{{type}}"}""");
        LanguageModelArchitecture a = config.Architecture;
        Assert.Equal(
            (vocabulary, context, layers, heads, keyHeads, width, feedForward),
            (a.VocabularySize, a.ContextLength, a.Layers, a.Heads, a.ActualKeyValueHeads, a.EmbeddingSize, a.ActualFeedForwardSize));
        Assert.Equal(width / heads, a.ActualHeadSize);
        Assert.Equal(end is { } token ? [token] : [], config.Ends);
        Assert.Equal((type == "gpt2", type is "gpt2" or "qwen2", type == "gpt2"), (a.TieEmbeddings, a.HasQueryKeyValueBias, a.HasBias));
        Assert.Equal(type == "gpt2" ? 1e-5 : 1e-6, a.NormEpsilon);
        Assert.Equal((10_000.0, null), (a.RotaryBase, a.RotaryScaling));
        Assert.Equal(type == "gpt2" ? FeedForwardKind.GeluTanh : FeedForwardKind.SwiGlu, a.FeedForward);
        Assert.Equal(type == "mistral" ? 4096 : null, a.SlidingWindow);
    }

    [Fact]
    public void Null_is_not_the_same_as_missing()
    {
        Assert.Equal(32, Read("""{"model_type":"mistral","num_key_value_heads":null}""").Architecture.ActualKeyValueHeads);
        Assert.Equal(
            8, Read("""{"model_type":"qwen2","num_attention_heads":8,"num_key_value_heads":null}""").Architecture.ActualKeyValueHeads);
        Assert.Null(Read("""{"model_type":"mistral","sliding_window":null}""").Architecture.SlidingWindow);
        Assert.Empty(Read("""{"model_type":"llama","eos_token_id":null}""").Ends);
        Assert.Empty(Read("""{"model_type":"gpt2","vocab_size":100}""").Ends);
        Assert.False(Read("""{"model_type":"gpt2","tie_word_embeddings":null}""").Architecture.TieEmbeddings);
    }

    // The class has 32 layers, of which those from max_window_layers on have the window; 28 by default.
    [Theory]
    [InlineData("\"use_sliding_window\":false,\"max_window_layers\":0", null)]
    [InlineData("\"max_window_layers\":0", null)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":0", 4096)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":0,\"sliding_window\":100", 100)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":0,\"sliding_window\":null", null)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":0,\"sliding_window\":40000", null)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":32", null)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":70", null)]
    [InlineData("\"use_sliding_window\":true,\"num_hidden_layers\":24", null)]
    [InlineData("\"use_sliding_window\":true,\"num_hidden_layers\":2,\"layer_types\":[\"sliding_attention\",\"sliding_attention\"]", 4096)]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":0,\"num_hidden_layers\":1,\"layer_types\":[\"full_attention\"]", null)]
    public void Qwen2_has_a_window_where_its_class_gives_it_one(string keys, int? window) =>
        Assert.Equal(window, Read($$"""{"model_type":"qwen2",{{keys}}}""").Architecture.SlidingWindow);

    [Theory]
    [InlineData("\"use_sliding_window\":true", "'max_window_layers' 28 gives 4 of 32 layers a window")]
    [InlineData("\"use_sliding_window\":true,\"max_window_layers\":1", "31 of 32 layers")]
    [InlineData(
        "\"use_sliding_window\":true,\"num_hidden_layers\":2,\"layer_types\":[\"full_attention\",\"sliding_attention\"]",
        "'layer_types' gives 1 of 2 layers")]
    [InlineData(
        "\"use_sliding_window\":true,\"num_hidden_layers\":2,\"layer_types\":[\"chunked_attention\",\"full_attention\"]",
        "'chunked_attention'")]
    public void A_window_of_some_layers_is_refused(string keys, string words)
    {
        string message = Assert.Throws<InvalidDataException>(() => Read($$"""{"model_type":"qwen2",{{keys}}}""")).Message;
        Assert.Contains(words, message);
        Assert.Contains("config.json", message);
    }

    [Fact]
    public void A_class_ignores_the_keys_of_others()
    {
        LanguageModelArchitecture qwen = Read("""{"model_type":"qwen2","mlp_bias":true,"attention_bias":false}""").Architecture;
        Assert.Equal((true, false), (qwen.HasQueryKeyValueBias, qwen.HasBias));
        LanguageModelArchitecture mistral = Read("""{"model_type":"mistral","attention_bias":true}""").Architecture;
        Assert.Equal((false, false), (mistral.HasQueryKeyValueBias, mistral.HasBias));
        Assert.Null(Read("""{"model_type":"llama","sliding_window":512,"use_sliding_window":true}""").Architecture.SlidingWindow);
        Assert.Equal(1024, Read("""{"model_type":"gpt2","n_ctx":512}""").Architecture.ContextLength);
    }

    [Fact]
    public void GPT2_takes_the_common_names()
    {
        LanguageModelArchitecture a = Read(
            """
            {"model_type":"gpt2","hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,"max_position_embeddings":77}
            """).Architecture;
        Assert.Equal((64, 3, 4, 77, 256), (a.EmbeddingSize, a.Layers, a.Heads, a.ContextLength, a.ActualFeedForwardSize));
    }

    [Theory]
    [InlineData("\"rope_theta\":5", 5, null)]
    [InlineData("\"rope_theta\":5,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}", 5, 2.0)]
    [InlineData("\"rope_parameters\":{\"rope_theta\":7,\"rope_type\":\"default\"}", 7, null)]
    [InlineData("\"rope_theta\":5,\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":3.0}", 5, 3.0)]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2.0},\"rope_parameters\":{\"rope_theta\":7}", 10_000, 2.0)]
    [InlineData("\"rope_scaling\":{},\"rope_parameters\":{\"rope_theta\":7}", 7, null)]
    public void Rotary_parameters_have_two_places(string keys, double theta, double? factor)
    {
        LanguageModelArchitecture a = Read($$"""{"model_type":"llama",{{keys}}}""").Architecture;
        Assert.Equal((theta, factor), (a.RotaryBase, a.RotaryScaling?.Factor));
    }

    [Fact]
    public void The_context_that_Llama_3_was_trained_with_is_found_in_three_places()
    {
        const string scaling = "\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0";
        Assert.Equal(8192, Original($$"""{{{scaling}},"original_max_position_embeddings":8192}"""));
        Assert.Equal(2048, Original($$"""{{{scaling}}}"""));
        Assert.Equal(99, Original($$"""{{{scaling}}},"original_max_position_embeddings":99"""));

        int Original(string rest) =>
            Read($$"""{"model_type":"llama","rope_scaling":{{rest}}}""").Architecture.RotaryScaling!.OriginalContextLength;
    }

    [Fact]
    public void Rotary_parameters_of_each_kind_of_layer_are_refused()
    {
        const string json = """{"model_type":"llama","rope_parameters":{"full_attention":{"rope_theta":5}}}""";
        Assert.Contains("'full_attention'", Assert.Throws<InvalidDataException>(() => Read(json)).Message);
        const string partial = """{"model_type":"llama","rope_parameters":{"partial_rotary_factor":0.5}}""";
        Assert.Contains("'partial_rotary_factor'", Assert.Throws<InvalidDataException>(() => Read(partial)).Message);
    }

    // do_sample, temperature and top_k decide together.
    [Theory]
    [InlineData("{}", 0, null)]
    [InlineData("{\"temperature\":0.7,\"top_p\":0.9}", 0, null)]
    [InlineData("{\"do_sample\":null,\"top_k\":7}", 0, 7)]
    [InlineData("{\"do_sample\":false,\"temperature\":0.7}", 0, null)]
    [InlineData("{\"do_sample\":true}", 1, 50)]
    [InlineData("{\"do_sample\":true,\"temperature\":null,\"top_k\":null}", 1, 50)]
    [InlineData("{\"do_sample\":true,\"temperature\":0.7,\"top_k\":20}", 0.7, 20)]
    [InlineData("{\"do_sample\":true,\"top_k\":0}", 1, null)]
    public void Missing_generation_settings_are_those_of_transformers(string json, double temperature, int? topK)
    {
        TextGenerationOptions options = ReadGeneration(json, out _);
        Assert.Equal((temperature, topK), (options.Temperature, options.TopK));
        Assert.Equal((1.0, 0.0, 1.0), (options.RepetitionPenalty, options.MinP, options.TypicalP));
    }

    [Fact]
    public void Stop_strings_are_followed_and_what_is_ignored_is_named()
    {
        TextGenerationOptions options = ReadGeneration(
            """{"stop_strings":["a","bc"],"no_repeat_ngram_size":3,"num_beams":1,"guidance_scale":1.0,"bad_words_ids":[[5]],"min_p":0.1}""",
            out string warning);
        Assert.Equal(["a", "bc"], options.StopStrings);
        Assert.Equal(0.1, options.MinP);
        Assert.Contains("no_repeat_ngram_size 3, bad_words_ids [[5]], which is ignored", warning);
        Assert.Equal(["x"], ReadGeneration("""{"stop_strings":"x"}""", out warning).StopStrings);
        Assert.Equal("", warning);
    }

    [Fact]
    public void A_setting_out_of_range_is_named_with_its_file()
    {
        string message = Assert.Throws<InvalidDataException>(() => ReadGeneration("""{"do_sample":true,"top_p":3}""", out _)).Message;
        Assert.Contains("TopP is 3", message);
        Assert.Contains("generation_config.json", message);
    }

    private HuggingFaceConfig Read(string json)
    {
        string path = _folder.File("config.json");
        File.WriteAllText(path, json);
        return HuggingFaceConfig.Read(path);
    }

    private TextGenerationOptions ReadGeneration(string json, out string warning)
    {
        string path = _folder.File(GenerationConfigFile.Name), warned = "";
        File.WriteAllText(path, json);
        var options = new TextGenerationOptions();
        GenerationConfigFile.Read(path, options, 100, text => warned += text);
        warning = warned;
        return options;
    }
}
