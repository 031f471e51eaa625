using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>Encoders as folders in the layouts of transformers and sentence-transformers.</summary>
internal static class PretrainedEncoder
{
    private const string Layout = "Hugging Face";

    /// <summary>The files of an encoder of sentences on the Hub; those of other encoders are those of language models.</summary>
    public static HubFiles Files { get; } = new("an encoder of sentences")
    {
        Required = [EncoderConfig.FileName, SentenceTransformersFiles.ModulesName],
        Weights = [SafetensorsReader.DefaultName],
        Optional =
        [
            $"{SentenceTransformersFiles.PoolingFolder}/{EncoderConfig.FileName}", SentenceTransformersFiles.SentenceName,
            .. TokenizerFolder.FileNames,
        ],
    };

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedEncoder"/>
    public static SentenceEmbeddingTransformer Load(IHostEnvironment env, string path)
    {
        HuggingFaceFolder folder = HuggingFaceFolder.Open(path, Layout);
        SentenceTransformersFiles files = SentenceTransformersFiles.Read(folder);
        HuggingFaceFolder inner =
            files.EncoderPath.Length == 0 ? folder : HuggingFaceFolder.Open(folder.PathOf(files.EncoderPath), Layout);
        return Load(env, inner, files.MaxTokens, null, (host, core, codec, networks, device, _) =>
            new SentenceEmbeddingTransformer(
                host,
                new SentenceEmbeddingDefinition(
                    core, SentenceEmbeddingOptions.Defaults.InputColumnName, SentenceEmbeddingOptions.Defaults.OutputColumnName,
                    files.Pooling, files.Normalizes, EncoderTrainingOptions.Defaults.TransformBatchSize),
                codec, networks, device));
    }

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedMaskedLanguageModel"/>
    public static MaskedLanguageModelTransformer LoadMasked(IHostEnvironment env, string path) =>
        Load(env, HuggingFaceFolder.Open(path, Layout), null, PretrainedHead.Tokens, (host, core, codec, networks, device, _) =>
            new MaskedLanguageModelTransformer(
                host,
                new MaskedLanguageModelDefinition(
                    core, MaskedLanguageModelOptions.Defaults.InputColumnName, MaskedLanguageModelOptions.Defaults.OutputColumnName,
                    EncoderTrainingOptions.Defaults.TransformBatchSize),
                codec, networks, device));

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedTextClassification"/>
    public static TextClassificationTransformer LoadClassifier(IHostEnvironment env, string path) =>
        Load(env, HuggingFaceFolder.Open(path, Layout), null, PretrainedHead.Classes, (host, core, codec, networks, device, config) =>
        {
            var columns = TextClassificationColumns.Of(new TextClassificationOptions());
            string[] labels = config.Classifier.Labels;
            return new TextClassificationTransformer(
                host,
                new TextClassificationDefinition(
                    core, columns with { Classes = new ClassLabels(DataKind.String, labels) }, labels.Length, config.Classifier.Pooling,
                    EncoderTrainingOptions.Defaults.TransformBatchSize)
                { HeadKind = ((ClassificationHead)networks.Head!).Kind },
                codec, networks, device);
        });

    /// <summary>Writes an embedding as a folder that sentence-transformers reads.</summary>
    /// <exception cref="NotSupportedException">transformers has no such model; nothing has been written then.</exception>
    public static void Save(string path, SentenceEmbeddingTransformer model, SentenceEmbeddingDefinition definition)
    {
        if (definition.Pooling == EmbeddingPooling.Pooler)
        {
            throw new NotSupportedException(
                $"sentence-transformers has no {nameof(EmbeddingPooling)}.{definition.Pooling}: save the model with mlContext.Model.Save "
                + "instead.");
        }

        SentenceTransformersFiles.Write(Save(path, model, "Model", null), definition);
    }

    /// <summary>Writes a masked language model as a folder that transformers reads.</summary>
    /// <inheritdoc cref="Save(string, SentenceEmbeddingTransformer, SentenceEmbeddingDefinition)" path="/exception"/>
    public static void Save(string path, MaskedLanguageModelTransformer model) => Save(path, model, "ForMaskedLM", null);

    /// <summary>Writes a classifier as a folder that transformers reads.</summary>
    /// <inheritdoc cref="Save(string, SentenceEmbeddingTransformer, SentenceEmbeddingDefinition)" path="/exception"/>
    public static void Save(string path, TextClassificationTransformer model)
    {
        EncoderConfig config = ConfigOf(model);
        EmbeddingPooling pooling = model.Definition.Pooling;
        IReadOnlyList<string> names = model.ClassNames;
        string[] labels = [.. Enumerable.Range(0, model.ClassCount).Select(i => i < names.Count ? names[i] : $"LABEL_{i}")];
        Save(path, model, "ForSequenceClassification", json =>
        {
            if (config.IsModernBert)
                json["classifier_pooling"] = pooling == EmbeddingPooling.Mean ? "mean" : "cls";
            json["id2label"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create($"{i}", (JsonNode?)label)));
            json["label2id"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create(label, (JsonNode?)i)));
        });
    }

    /// <summary>How transformers would call the encoder of a classifier.</summary>
    /// <exception cref="NotSupportedException">transformers has no such classifier; the message says what is in the way.</exception>
    public static EncoderConfig ConfigOf(TextClassificationTransformer model)
    {
        EncoderConfig config = EncoderConfig.Of(model.Architecture);
        EmbeddingPooling pooling = model.Definition.Pooling;
        ClassificationHeadKind expected = PretrainedHead.KindOf(config);
        string? obstacle = pooling != EmbeddingPooling.FirstToken && !(config.IsModernBert && pooling == EmbeddingPooling.Mean)
            ? $"{pooling} pooling"
            : model.Head.Kind != expected ? $"{config.ModelType} and {model.Head.Kind} in the classifier in place of {expected}"
            : null;
        return obstacle is null ? config : throw new NotSupportedException(
            $"transformers has no classifier of sequences with {obstacle}: save the model with mlContext.Model.Save instead.");
    }

    private static HuggingFaceFolder Save(string path, EncoderTransformer model, string kind, Action<JsonObject>? addTo)
    {
        EncoderConfig config = EncoderConfig.Of(model.Architecture);
        IReadOnlyDictionary<string, byte[]> tokenizer = TokenizerFiles.Save(model.Tokenizer);
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, Layout);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        using AdaptedNetwork<EncoderNetwork> merged = model.Merged();
        // The head belongs to the model.
        folder.WriteWeights(EncoderWeights.Of(new EncoderModel(merged.Network, model.Networks.Head), config));
        foreach ((string name, byte[] bytes) in tokenizer)
            folder.WriteFile(name, bytes);
        JsonObject json = config.ToJson(kind, model.Tokenizer);
        addTo?.Invoke(json);
        folder.WriteJson(EncoderConfig.FileName, json);
        return folder;
    }

    private static TModel Load<TModel>(
        IHostEnvironment env, HuggingFaceFolder folder, int? maxTokens, PretrainedHead? head,
        Func<IHost, EncoderCore, EncoderCodec, EncoderNetworks, torch.Device, EncoderConfig, TModel> create)
        where TModel : EncoderTransformer
    {
        string configPath = folder.Existing(EncoderConfig.FileName);
        IHost host = env.Register(nameof(PretrainedEncoder));
        using IChannel channel = host.Start("Loading");
        EncoderConfig config = EncoderConfig.Read(configPath);
        GenerativeTokenizer tokenizer = GenerativeTokenizers.FromFolder(folder.Path);
        if (tokenizer.VocabularySize > config.Architecture.VocabularySize)
        {
            throw new InvalidDataException(
                $"The tokenizer of '{folder.Path}' has {tokenizer.VocabularySize} tokens; the model knows "
                + $"{config.Architecture.VocabularySize}.");
        }

        if (maxTokens > config.Architecture.ContextLength)
        {
            throw new InvalidDataException(
                $"'{folder.PathOf(SentenceTransformersFiles.SentenceName)}' has a max_seq_length of {maxTokens}; the network of "
                + $"'{configPath}' takes {config.Architecture.ContextLength} tokens.");
        }

        using ISafetensorsReader weights = folder.OpenWeights(warn: warning => channel.Warning(warning));
        head?.Check(weights, config);
        EncoderArchitecture architecture = config.Architecture with
        {
            HasPooler = head is null && !config.IsDistilBert && !config.IsModernBert && EncoderWeights.HasPooler(weights),
        };
        config = config with { Architecture = architecture };
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        HuggingFaceFolder.CheckSize(weights, configPath, CreateModel, model => EncoderWeights.Check(model, config, weights));
        var core = new EncoderCore(architecture, maxTokens ?? architecture.ContextLength, config.Separators);
        var codec = new EncoderCodec(tokenizer, core.MaxTokens, core.Separators);
        ModelFile.Check(codec.Validate);
        EncoderModel network = ModuleTensors.WithoutValues(CreateModel);
        try
        {
            EncoderWeights.Load(network, config, weights);
            network.to(device);
            network.eval();
            return create(
                host, core, codec, new EncoderNetworks(new AdaptedNetwork<EncoderNetwork>(network.Encoder), network.Head), device, config);
        }
        catch
        {
            network.Dispose();
            throw;
        }

        EncoderModel CreateModel() =>
            new(new EncoderNetwork(architecture), head?.Create(config));
    }
}
