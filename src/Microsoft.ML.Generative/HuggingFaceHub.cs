using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Images.Diffusion.Pretrained;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

namespace Microsoft.ML.Generative;

/// <summary>Downloads models from the Hugging Face Hub, once: a second call finds them on the disk, even without a network.</summary>
/// <example>
/// <code>
/// string folder = await HuggingFaceHub.DownloadAsync("HuggingFaceTB/SmolLM2-135M-Instruct");
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel(folder);
/// string images = await HuggingFaceHub.DownloadAsync("google/ddpm-cifar10-32");
/// DiffusionTransformer diffusion = mlContext.Generative().LoadPretrainedDiffusion(images);
/// </code>
/// </example>
public static class HuggingFaceHub
{
    // Each kind of model says what it is loaded from.
    private static readonly HubFiles[] _kinds = [PretrainedLanguageModel.Files, PretrainedDiffusion.Files, PretrainedDiffusion.RootFiles];

    /// <summary>Downloads the files that a model is loaded from: configurations, weights as safetensors, tokenizer.</summary>
    /// <param name="repository">The model, such as <c>openai-community/gpt2</c>.</param>
    /// <param name="revision">A branch, a tag, or a commit, which always has the same files.</param>
    /// <param name="options">Cache folder, access token and progress.</param>
    /// <param name="cancellationToken">Stops the download; a later call resumes it.</param>
    /// <returns>
    /// A folder for <see cref="GenerativeCatalog.LoadPretrainedLanguageModel"/> or
    /// <see cref="GenerativeCatalog.LoadPretrainedDiffusion"/>, whichever kind of model it is.
    /// </returns>
    /// <remarks>
    /// Files keep their sub-folders. Python pickles, code and weights of other frameworks are not downloaded. Each file is checked against
    /// the hash that the Hub lists, and an interrupted download is resumed. Where the Hub cannot be reached, the revision downloaded last
    /// is used.
    /// </remarks>
    /// <exception cref="ArgumentException">The repository or the revision is not a valid name.</exception>
    /// <exception cref="InvalidOperationException">
    /// The Hub cannot be reached and the model is not on the disk; or the Hub refuses: there is no such model, or it needs a token.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The Hub's answer is not valid, or the repository lacks files of each kind of model; the message names them.
    /// </exception>
    public static Task<string> DownloadAsync(
        string repository, string revision = "main", HuggingFaceHubOptions? options = null, CancellationToken cancellationToken = default)
    {
        HubRepository.CheckName(repository);
        HubRepository.CheckRevision(revision);
        options ??= new HuggingFaceHubOptions();
        string cache = options.CacheDirectory ?? Path.Combine(DefaultDataDirectory(), "models");
        return new HubDownload(new HubRepository(repository, revision), _kinds, cache, options).RunAsync(cancellationToken);
    }

    private static string DefaultDataDirectory() =>
        GenerativeCatalog.DefaultDataDirectory(Environment.GetEnvironmentVariable(GenerativeCatalog.DataDirectoryVariable));
}
