using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;
using Microsoft.ML.Generative.Text.Encoders.Pretrained;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>Loads models from files, folders and the Hugging Face Hub.</summary>
internal static class ModelLoader
{
    /// <summary>What the names of models on the Hub begin with here.</summary>
    public const string HubPrefix = "hf:";

    private const string DiffusersIndex = "model_index.json";
    private const string DiffusersScheduler = "scheduler_config.json";

    /// <summary>Loads a model.</summary>
    /// <param name="path">
    /// A model file (.zip), a folder in the layout of transformers, sentence-transformers or diffusers, a .gguf file, or
    /// <c>hf:organization/name</c>, perhaps with <c>@revision</c>.
    /// </param>
    public static ITransformer Load(string path)
    {
        var context = new MLContext();
        if (path.StartsWith(HubPrefix, StringComparison.Ordinal))
            path = Download(path[HubPrefix.Length..]);
        if (Directory.Exists(path))
            return LoadFolder(context, path);
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no model {Quoted.Text(path)}: neither a file nor a folder.", path);
        return string.Equals(Path.GetExtension(path), ".zip", StringComparison.OrdinalIgnoreCase)
            ? context.Generative().LoadModel(path, out _)
            : context.Generative().LoadPretrainedLanguageModel(path);
    }

    /// <summary>The model itself, of a chain its last part.</summary>
    public static ITransformer Unwrap(ITransformer model)
    {
        while (model is TransformerChain<ITransformer> chain)
            model = chain.LastTransformer;
        return model is IEnumerable<ITransformer> parts ? parts.Last() : model;
    }

    private static ITransformer LoadFolder(MLContext context, string path)
    {
        GenerativeCatalog catalog = context.Generative();
        if (File.Exists(Path.Combine(path, DiffusersIndex)) || File.Exists(Path.Combine(path, DiffusersScheduler)))
            return catalog.LoadPretrainedDiffusion(path);
        string? type = TypeOf(Path.Combine(path, EncoderConfig.FileName));
        return File.Exists(Path.Combine(path, SentenceTransformersFiles.ModulesName)) || EncoderConfig.ModelTypes.Contains(type)
            ? catalog.LoadPretrainedEncoder(path)
            : T5Config.ModelTypes.Contains(type) ? catalog.LoadPretrainedSequenceToSequence(path)
            : catalog.LoadPretrainedLanguageModel(path);
    }

    private static string? TypeOf(string config) =>
        File.Exists(config) ? ConfigReader.ReadFile(config, json => json.Text("model_type")) : null;

    // Once: the next time, the files are on the disk, and no network is needed.
    private static string Download(string name)
    {
        string[] parts = name.Split('@', 2);
        return HuggingFaceHub.DownloadAsync(parts[0], parts.Length == 2 ? parts[1] : "main").GetAwaiter().GetResult();
    }
}
