using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>Loads models from files and folders.</summary>
internal static class ModelLoader
{
    private const string DiffusersIndex = "model_index.json";

    public static ITransformer Load(string path)
    {
        var context = new MLContext();
        if (Directory.Exists(path))
        {
            return File.Exists(Path.Combine(path, DiffusersIndex))
                ? context.Generative().LoadPretrainedDiffusion(path)
                : context.Generative().LoadPretrainedLanguageModel(path);
        }

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
}
