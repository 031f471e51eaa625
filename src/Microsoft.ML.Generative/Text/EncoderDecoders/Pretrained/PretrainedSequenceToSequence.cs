using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;

/// <summary>Encoder–decoders as folders in the layout of Hugging Face.</summary>
internal static class PretrainedSequenceToSequence
{
    private const string Layout = "Hugging Face";

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedSequenceToSequence"/>
    public static SequenceToSequenceTransformer Load(IHostEnvironment env, string path)
    {
        HuggingFaceFolder folder = HuggingFaceFolder.Open(path, Layout);
        IHost host = env.Register(nameof(PretrainedSequenceToSequence));
        using IChannel channel = host.Start("Loading");
        T5Config config = folder.ReadJson(HuggingFaceConfig.FileName, T5Config.Read);
        SequenceToSequenceArchitecture architecture = config.Architecture;
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.FromFolder(path));
        if (codec.VocabularySize > architecture.VocabularySize)
        {
            throw new InvalidDataException(
                $"The tokenizer of '{path}' has {codec.VocabularySize} tokens; the model knows {architecture.VocabularySize}.");
        }

        var options = new SequenceToSequenceOptions();
        IReadOnlyList<int> ends = config.Ends;
        if (folder.Has(GenerationConfigFile.Name))
        {
            ends = GenerationConfigFile.Read(
                folder.PathOf(GenerationConfigFile.Name), options.Generation, architecture.VocabularySize, Warn) ?? ends;
        }

        codec = codec with { OtherEnds = [.. ends.Where(end => end < codec.VocabularySize && end != codec.End)] };
        var definition = new SequenceToSequenceDefinition(
            architecture, new SequenceToSequenceColumns(options.InputColumnName, options.OutputColumnName),
            new SequenceToSequenceDefaults
            {
                Generation = options.Generation,
                Prefix = "",
                MaxSourceTokens = options.MaxSourceTokens,
                StartToken = config.StartToken,
                OtherEnds = [.. codec.OtherEnds],
                TransformBatchSize = options.TransformBatchSize,
                Seed = SeedSequence.Choose(host, null),
            });
        using ISafetensorsReader weights = folder.OpenWeights(warn: Warn);
        TorchRuntime.EnsureLoaded();
        torch.Device device = TorchDevices.Choose(host, channel);
        HuggingFaceFolder.CheckSize(
            weights, folder.PathOf(HuggingFaceConfig.FileName), () => new SequenceToSequenceNetwork(architecture),
            network => T5Weights.Check(network, weights));
        SequenceToSequenceNetwork network = ModuleTensors.WithoutValues(() => new SequenceToSequenceNetwork(architecture));
        try
        {
            T5Weights.Load(network, weights);
            network.to(device);
            return new SequenceToSequenceTransformer(
                host, definition, codec, new AdaptedNetwork<SequenceToSequenceNetwork>(network), device);
        }
        catch
        {
            network.Dispose();
            throw;
        }

        void Warn(string warning) => channel.Warning(warning);
    }

    /// <summary>Writes a folder that transformers reads; a file appears under its name only when it is complete.</summary>
    public static void Save(string path, SequenceToSequenceNetwork network, TextCodec codec, SequenceToSequenceDefaults defaults)
    {
        var config = new T5Config(network.Architecture, defaults.StartToken);
        JsonObject json = config.ToJson(codec);
        IReadOnlyDictionary<string, byte[]> tokenizer = TokenizerFiles.Save(codec.Tokenizer);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        IReadOnlyDictionary<string, torch.Tensor> weights = T5Weights.Of(network);
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, Layout);
        folder.WriteWeights(weights.Select(tensor => (tensor.Key, tensor.Value)));
        foreach ((string name, byte[] bytes) in tokenizer)
            folder.WriteFile(name, bytes);
        JsonObject generation = GenerationConfigFile.Make(codec, defaults.Generation);
        generation[T5Config.StartName] = defaults.StartToken;
        generation[T5Config.PadName] = codec.Special.Pad ?? defaults.StartToken;
        folder.WriteJson(GenerationConfigFile.Name, generation);
        folder.WriteJson(HuggingFaceConfig.FileName, json);
    }
}
