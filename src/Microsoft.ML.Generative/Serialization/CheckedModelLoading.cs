using System.Reflection;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// Loads model files that may come from untrusted sources: looks through them first, and has one kind of error for all that may be wrong
/// with them.
/// </summary>
internal static class CheckedModelLoading
{
    /// <exception cref="InvalidDataException">The file is not a model that can be loaded.</exception>
    public static ITransformer Load(IHostEnvironment env, string source, Stream stream, out DataViewSchema? inputSchema)
    {
        TorchRuntime.Preload();
        inputSchema = ModelArchive.Check(env, source, stream);
        // Its absence is no fault of the file.
        TorchRuntime.EnsureLoaded();
        try
        {
            using RepositoryReader repository = RepositoryReader.Open(stream, env);
            ModelLoadContext.LoadModel<ITransformer, SignatureLoadModel>(env, out ITransformer model, repository, ModelArchive.ModelFolder);
            return model;
        }
        catch (Exception e)
            when (Cause(e) is not OperationCanceledException && (Cause(e) is not IOException || Cause(e) is EndOfStreamException))
        {
            throw new InvalidDataException($"'{source}' could not be loaded: {Cause(e).Message}", e);
        }
    }

    // ML.NET calls loaders by reflection, one inside the other.
    private static Exception Cause(Exception e) => e is TargetInvocationException { InnerException: { } inner } ? Cause(inner) : e;
}
