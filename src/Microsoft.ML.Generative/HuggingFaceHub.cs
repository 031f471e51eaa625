using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Images.Diffusion.Pretrained;
using Microsoft.ML.Generative.Text.Encoders.Pretrained;
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
    private static readonly HubFiles[] _kinds =
        [PretrainedLanguageModel.Files, PretrainedEncoder.Files, PretrainedDiffusion.Files, PretrainedDiffusion.RootFiles];

    /// <summary>Downloads the files that a model is loaded from: configurations, weights as safetensors, tokenizer.</summary>
    /// <param name="repository">The model, such as <c>openai-community/gpt2</c>.</param>
    /// <param name="revision">A branch, a tag, or a commit, which always has the same files.</param>
    /// <param name="options">Cache folder, access token and progress.</param>
    /// <param name="cancellationToken">Stops the download; a later call resumes it.</param>
    /// <returns>
    /// A folder for <see cref="GenerativeCatalog.LoadPretrainedLanguageModel"/>, <see cref="GenerativeCatalog.LoadPretrainedEncoder"/>,
    /// <see cref="GenerativeCatalog.LoadPretrainedSequenceToSequence"/> or <see cref="GenerativeCatalog.LoadPretrainedDiffusion"/>,
    /// whichever kind of model it is.
    /// </returns>
    /// <remarks>
    /// Files keep their sub-folders. Python pickles, code and weights of other frameworks are not downloaded. Each file, also one that is
    /// on the disk already, is checked against the hash that the Hub lists, and downloaded again if it differs; an interrupted download is
    /// resumed. Where the Hub cannot be reached, does not answer for a minute, or answers with an error of its own (5xx), the revision
    /// downloaded last is used, without a check of hashes.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// The repository or the revision is not a valid name; or the address or the token, of the options or of the environment, is not valid.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The Hub cannot be reached and the model is not on the disk; or the Hub refuses: there is no such model, or it needs a token; or a
    /// file cannot be downloaded, or has another hash.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The Hub's answer is not valid, or redirects to something other than https; or the repository lacks files of each kind of model; the
    /// message names them.
    /// </exception>
    /// <exception cref="OperationCanceledException">The <paramref name="cancellationToken"/> was canceled.</exception>
    public static Task<string> DownloadAsync(
        string repository, string revision = "main", HuggingFaceHubOptions? options = null, CancellationToken cancellationToken = default)
    {
        HubRepository.CheckName(repository);
        HubRepository.CheckRevision(revision);
        options ??= new HuggingFaceHubOptions();
        string cache = options.CacheDirectory ?? Path.Combine(DefaultDataDirectory(), "models");
        var settings = HubSettings.Of(options, Environment.GetEnvironmentVariable);
        return new HubDownload(
            new HubRepository(repository, revision), _kinds, cache, settings, options.Progress).RunAsync(cancellationToken);
    }

    private static string DefaultDataDirectory() =>
        GenerativeCatalog.DefaultDataDirectory(Environment.GetEnvironmentVariable(GenerativeCatalog.DataDirectoryVariable));
}
