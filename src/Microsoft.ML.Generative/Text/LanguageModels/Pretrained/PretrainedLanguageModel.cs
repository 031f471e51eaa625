using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>Language models as folders in the layout of Hugging Face.</summary>
internal static class PretrainedLanguageModel
{
    private const string Layout = "Hugging Face";

    private static readonly string[] _tokenizers = ["tokenizer.bin", "tok512.bin"];

    /// <summary>The files of a language model on the Hub.</summary>
    public static HubFiles Files { get; } = new("a language model")
    {
        Required = [HuggingFaceConfig.FileName],
        Weights = [SafetensorsReader.DefaultName],
        Optional = [GenerationConfigFile.Name, .. TokenizerFolder.FileNames],
    };

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedLanguageModel"/>
    public static LanguageModelTransformer Load(IHostEnvironment env, string path, string? tokenizerPath)
    {
        if (File.Exists(path) && GgufFile.IsOne(path))
            return LoadGguf(env, path, tokenizerPath);
        if (File.Exists(path))
        {
            CheckIsNoOther(path);
            return LoadLlama2C(env, path, tokenizerPath);
        }

        return LoadFolder(env, path, tokenizerPath);
    }

    // A file of llama2.c has no mark of its own.
    private static void CheckIsNoOther(string path)
    {
        Span<byte> start = stackalloc byte[4];
        using (FileStream stream = RegularFile.OpenRead(path))
            stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        string? other = start.SequenceEqual("PK\x3\x4"u8)
                ? "a zip file: what mlContext.Model.Save wrote is loaded with mlContext.Model.Load"
            : Path.GetExtension(path) is ".safetensors" or ".json" ? "one file of a model: pass the folder that it is in"
            : null;
        if (other is not null)
        {
            throw new InvalidDataException(
                $"'{path}' is {other}. Expected a folder in the layout of {Layout}, a GGUF file or a file of llama2.c.");
        }
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
        IReadOnlyList<int> ends = config.Ends;
        if (folder.Has(GenerationConfigFile.Name))
        {
            ends = GenerationConfigFile.Read(
                folder.PathOf(GenerationConfigFile.Name), options.Generation, config.Architecture.VocabularySize, Warn) ?? ends;
        }

        if (ends.Any(end => end >= config.Architecture.VocabularySize))
        {
            throw new InvalidDataException($"'{path}' has the {HuggingFaceConfig.EndsName} {string.Join(", ", ends)}; "
                + $"the model knows tokens up to {config.Architecture.VocabularySize - 1}.");
        }

        codec = codec with { OtherEnds = [.. ends.Where(end => end < codec.VocabularySize)] };
        using ISafetensorsReader weights = folder.OpenWeights(warn: Warn);
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        HuggingFaceFolder.CheckSize(
            weights, configPath, () => new LanguageModelNetwork(config.Architecture),
            network => HuggingFaceWeights.Check(network, config, weights));
        return Make(host, options, codec, device, network =>
        {
            HuggingFaceWeights.Load(network, config, weights);
            if (HuggingFaceWeights.FindOtherHead(network, config, weights) is { } warning)
                Warn(warning);
        });

        void Warn(string warning) => channel.Warning(warning);
    }

    private static LanguageModelTransformer LoadGguf(IHostEnvironment env, string path, string? tokenizerPath)
    {
        IHost host = env.Register(nameof(PretrainedLanguageModel));
        using IChannel channel = host.Start("Loading");
        using GgufFile file = GgufFile.Open(path);
        (string name, LanguageModelArchitecture architecture) = GgufArchitecture.Read(file);
        var weights = new GgufWeights(name, architecture);
        WeightFormats formats = GgufModel.FormatsOf(weights.Check(file));
        (GenerativeTokenizer tokenizer, int[] ends) = tokenizerPath is null
            ? GgufTokenizer.Read(file.Metadata)
            : (GenerativeTokenizers.FromFile(tokenizerPath), []);
        TextCodec codec = TextCodec.Of(tokenizer);
        codec = codec with { OtherEnds = [.. ends.Where(end => end != codec.End)] };
        CheckVocabulary(codec, tokenizerPath ?? path, architecture);
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        var options = new LanguageModelOptions { Architecture = architecture };
        return Make(
            host, LanguageModelDefinition.Of(options, SeedSequence.Choose(host, null)), codec, device,
            () => ModuleTensors.WithoutValues(() => new LanguageModelNetwork(architecture, 0, formats)),
            network => weights.Load(network, file));
    }

    private static LanguageModelTransformer LoadLlama2C(IHostEnvironment env, string path, string? tokenizerPath)
    {
        IHost host = env.Register(nameof(PretrainedLanguageModel));
        using IChannel channel = host.Start("Loading");
        Llama2CFile file = Llama2CFile.Open(path);
        tokenizerPath ??= FindTokenizer(path);
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFile(tokenizerPath));
        CheckVocabulary(codec, tokenizerPath, file.Architecture);
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        return Make(host, new LanguageModelOptions { Architecture = file.Architecture }, codec, device, file.ReadInto);
    }

    private static LanguageModelTransformer Make(
        IHost host, LanguageModelOptions options, TextCodec codec, torch.Device device, Action<LanguageModelNetwork> read) => Make(
        host, LanguageModelDefinition.Of(options, SeedSequence.Choose(host, null)), codec, device,
        () => TorchSeed.Initialize(0, () => new LanguageModelNetwork(options.Architecture)), read);

    private static LanguageModelTransformer Make(
        IHost host, LanguageModelDefinition definition, TextCodec codec, torch.Device device, Func<LanguageModelNetwork> create,
        Action<LanguageModelNetwork> read)
    {
        LanguageModelNetwork network = create();
        try
        {
            read(network);
            network.to(device);
            return new LanguageModelTransformer(host, definition, codec, network, device);
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
        {
            throw new InvalidDataException(
                $"The tokenizer of '{tokenizer}' has {codec.VocabularySize} tokens; the model knows {architecture.VocabularySize}.");
        }
    }

    // llama2.c's own programs look for it beside the model.
    private static string FindTokenizer(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string[] found = [.. _tokenizers.Select(name => Path.Combine(folder, name)).Where(File.Exists)];
        return found.Length > 0 ? found[0] : throw new FileNotFoundException(
            $"There is no tokenizer ({string.Join(" or ", _tokenizers)}) beside '{path}': pass its path.",
            Path.Combine(folder, _tokenizers[0]));
    }

    /// <summary>Writes a folder that transformers reads; a file appears under its name only when it is complete.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="network">The network.</param>
    /// <param name="codec">The tokenizer.</param>
    /// <param name="generation">How texts are generated.</param>
    /// <param name="template">The model's chat template; <see langword="null"/>: the tokenizer's own, if it has one.</param>
    public static void Save(
        string path, LanguageModelNetwork network, TextCodec codec, TextGenerationOptions generation,
        ChatTemplate? template = null)
    {
        HuggingFaceConfig config = HuggingFaceConfig.Of(network.Architecture);
        IReadOnlyDictionary<string, byte[]> tokenizer = TokenizerFiles.Save(codec.Tokenizer, template?.Source);
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, Layout);
        // An earlier model's, which would be read in place of the one in the tokenizer's configuration.
        File.Delete(folder.PathOf(TokenizerFolder.ChatTemplateName));
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        folder.WriteWeights(HuggingFaceWeights.Of(network, config));
        foreach ((string name, byte[] bytes) in tokenizer)
            folder.WriteFile(name, bytes);
        folder.WriteJson(GenerationConfigFile.Name, GenerationConfigFile.Make(codec, generation));
        folder.WriteJson(HuggingFaceConfig.FileName, config.ToJson(codec));
    }
}
