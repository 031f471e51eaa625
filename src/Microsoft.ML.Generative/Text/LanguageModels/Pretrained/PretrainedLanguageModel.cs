using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>Language models as folders in the layout of Hugging Face.</summary>
internal static class PretrainedLanguageModel
{
    private const string GenerationConfigName = "generation_config.json";

    private const string Layout = "Hugging Face";

    private static readonly string[] _tokenizers = ["tokenizer.bin", "tok512.bin"];

    /// <summary>The files of a language model on the Hub.</summary>
    public static HubFiles Files { get; } = new("a language model")
    {
        Required = [HuggingFaceConfig.FileName],
        Weights = [SafetensorsReader.DefaultName],
        Optional = [GenerationConfigName, .. TokenizerFolder.FileNames],
    };

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedLanguageModel"/>
    public static LanguageModelTransformer Load(IHostEnvironment env, string path, string? tokenizerPath)
    {
        if (File.Exists(path))
            return LoadLlama2C(env, path, tokenizerPath ?? FindTokenizer(path));
        return LoadFolder(env, path, tokenizerPath);
    }

    private static LanguageModelTransformer LoadFolder(IHostEnvironment env, string path, string? tokenizerPath)
    {
        HuggingFaceFolder folder = HuggingFaceFolder.Open(path, Layout);
        string configPath = folder.Existing(HuggingFaceConfig.FileName);

        IHost host = env.Register(nameof(PretrainedLanguageModel));
        using IChannel channel = host.Start("Loading");
        HuggingFaceConfig config = HuggingFaceConfig.Read(configPath);
        TextCodec codec = TextCodec.Of(
            tokenizerPath is null ? GenerativeTokenizers.FromFolder(path) : GenerativeTokenizers.FromFile(tokenizerPath));
        CheckVocabulary(codec, tokenizerPath ?? path, config.Architecture);
        var options = new LanguageModelOptions { Architecture = config.Architecture };
        IReadOnlyList<int> ends = ReadGeneration(channel, folder.PathOf(GenerationConfigName), options.Generation) ?? config.Ends ?? [];
        if (ends.Any(end => end >= config.Architecture.VocabularySize))
        {
            throw new InvalidDataException($"'{path}' has the {HuggingFaceConfig.EndsName} {string.Join(", ", ends)}; "
                + $"the model knows tokens up to {config.Architecture.VocabularySize - 1}.");
        }

        codec = codec with { OtherEnds = [.. ends.Where(end => end < codec.VocabularySize)] };
        ModelFile.Check(() => options.Generation.Validate(config.Architecture.VocabularySize));
        using ISafetensorsReader weights = folder.OpenWeights();
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        HuggingFaceFolder.CheckSize(weights, configPath, () => new LanguageModelNetwork(config.Architecture));
        return Make(host, options, codec, device, network => HuggingFaceWeights.Load(network, config, weights));
    }

    private static LanguageModelTransformer LoadLlama2C(IHostEnvironment env, string path, string tokenizerPath)
    {
        IHost host = env.Register(nameof(PretrainedLanguageModel));
        using IChannel channel = host.Start("Loading");
        Llama2CFile file = Llama2CFile.Open(path);
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFile(tokenizerPath));
        CheckVocabulary(codec, tokenizerPath, file.Architecture);
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        return Make(host, new LanguageModelOptions { Architecture = file.Architecture }, codec, device, file.ReadInto);
    }

    private static LanguageModelTransformer Make(IHost host, LanguageModelOptions options, TextCodec codec, torch.Device device, Action<LanguageModelNetwork> read)
    {
        LanguageModelNetwork network = TorchSeed.Initialize(0, () => new LanguageModelNetwork(options.Architecture));
        try
        {
            read(network);
            network.to(device);
            return new LanguageModelTransformer(host, LanguageModelDefinition.Of(options, SeedSequence.Choose(host, null)), codec, network, device);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private static void CheckVocabulary(TextCodec codec, string tokenizer, LanguageModelArchitecture architecture)
    {
        if (codec.VocabularySize > architecture.VocabularySize)
            throw new InvalidDataException($"The tokenizer of '{tokenizer}' has {codec.VocabularySize} tokens; the model knows {architecture.VocabularySize}.");
    }

    // llama2.c's own programs look for it beside the model.
    private static string FindTokenizer(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string[] found = [.. _tokenizers.Select(name => Path.Combine(folder, name)).Where(File.Exists)];
        return found.Length > 0 ? found[0] : throw new FileNotFoundException(
            $"There is no tokenizer ({string.Join(" or ", _tokenizers)}) beside '{path}': pass its path.", Path.Combine(folder, _tokenizers[0]));
    }

    /// <summary>Writes a folder that transformers reads; a file appears under its name only when it is complete.</summary>
    public static void Save(string path, LanguageModelNetwork network, TextCodec codec, TextGenerationOptions generation)
    {
        HuggingFaceConfig config = HuggingFaceConfig.Of(network.Architecture);
        IReadOnlyDictionary<string, byte[]> tokenizer = TokenizerFiles.Save(codec.Tokenizer);
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, Layout);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        folder.WriteWeights(HuggingFaceWeights.Of(network, config));
        foreach ((string name, byte[] bytes) in tokenizer)
            folder.WriteFile(name, bytes);
        folder.WriteJson(GenerationConfigName, GenerationJson(codec, generation));
        folder.WriteJson(HuggingFaceConfig.FileName, config.ToJson(codec));
    }

    // The tokens that end a text, if there are any. transformers samples only where do_sample says so.
    private static IReadOnlyList<int>? ReadGeneration(IChannel channel, string path, TextGenerationOptions options)
    {
        if (!File.Exists(path))
            return null;
        return ConfigReader.ReadFile(path, json =>
        {
            options.Temperature = json.Truth("do_sample") == false ? 0 : json.Number("temperature") ?? 1;
            options.TopK = json.Count("top_k") is > 0 and var k ? k : null;
            options.TopP = json.Number("top_p") ?? 1;
            options.MinP = json.Number("min_p") ?? 0;
            options.TypicalP = json.Number("typical_p") ?? 1;
            options.RepetitionPenalty = json.Number("repetition_penalty") ?? 1;
            if (json.Count("max_new_tokens") is > 0 and var most)
                options.MaxTokens = most;
            if (json.Count("num_beams") > 1)
                channel.Warning($"'{path}' asks for beam search, which is left to the options of each call.");
            return json.Counts(HuggingFaceConfig.EndsName);
        });
    }

    private static System.Text.Json.Nodes.JsonObject GenerationJson(TextCodec codec, TextGenerationOptions options)
    {
        var json = new System.Text.Json.Nodes.JsonObject
        {
            ["bos_token_id"] = codec.Special.Bos,
            [HuggingFaceConfig.EndsName] = HuggingFaceConfig.EndsJson(codec),
            ["do_sample"] = options.Temperature > 0,
            ["max_new_tokens"] = options.MaxTokens,
        };
        if (options.Temperature > 0)
            json["temperature"] = options.Temperature;
        if (options.TopK is { } k)
            json["top_k"] = k;
        (json["top_p"], json["min_p"], json["typical_p"], json["repetition_penalty"]) = (options.TopP, options.MinP, options.TypicalP, options.RepetitionPenalty);
        return json;
    }
}
