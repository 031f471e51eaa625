using System.CommandLine;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary>The model of a command.</summary>
internal static class ModelArgument
{
    /// <summary>What a model may be, for help.</summary>
    public const string Kinds =
        "a model file (.zip), a folder in the layout of transformers, sentence-transformers or diffusers, a .gguf file, or "
        + ModelLoader.HubPrefix + "organization/name of the Hugging Face Hub";

    public static Argument<string> New() => new("model") { Description = $"The model: {Kinds}." };

    /// <summary>Loads a model, of a chain its last part.</summary>
    /// <exception cref="NotSupportedException">It has no such adapter, or no adapters at all.</exception>
    public static ITransformer Load(string path, string? adapter = null)
    {
        ITransformer model = ModelLoader.Unwrap(ModelLoader.Load(path));
        return adapter is null ? model : model switch
        {
            LanguageModelTransformer language => language.WithAdapter(adapter),
            SequenceToSequenceTransformer sequence => sequence.WithAdapter(adapter),
            DiffusionTransformer images => images.WithAdapter(adapter),
            _ => throw new NotSupportedException($"--adapter is '{adapter}', but {NameOf(model)} is no model that chooses among adapters."),
        };
    }

    /// <summary>The kind of a model in a word.</summary>
    public static string NameOf(ITransformer model) => model.GetType().Name.Replace("Transformer", "", StringComparison.Ordinal);
}
