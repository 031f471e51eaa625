using Microsoft.ML.Generative.Data.Hub;

namespace Microsoft.ML.Generative;

/// <summary>Downloads models from the Hugging Face Hub, once: a second call finds them on the disk, without a network too.</summary>
/// <example>
/// <code>
/// string folder = await HuggingFaceHub.DownloadAsync("HuggingFaceTB/SmolLM2-135M-Instruct");
/// LanguageModelTransformer model = ml.Generative().LoadPretrainedLanguageModel(folder);
/// </code>
/// </example>
public static class HuggingFaceHub
{
    /// <summary>Downloads what a model needs: its configuration, its weights as safetensors, its tokenizer.</summary>
    /// <param name="repository">The model, such as <c>openai-community/gpt2</c>.</param>
    /// <param name="revision">A branch, a tag, or, to have the same files for ever, a commit.</param>
    /// <param name="options">Where files are kept, and what to tell the Hub.</param>
    /// <param name="cancellationToken">Stops the download; a later call goes on with it.</param>
    /// <returns>A folder for <see cref="GenerativeCatalog.LoadPretrainedLanguageModel"/>.</returns>
    /// <remarks>
    /// Python pickles, code and weights of other frameworks are left. Each file is checked against the hash that the Hub tells, and a download that was
    /// interrupted is continued. Where the Hub cannot be reached, the revision downloaded last is used.
    /// </remarks>
    /// <exception cref="ArgumentException">The repository or the revision is no such name.</exception>
    /// <exception cref="InvalidOperationException">
    /// The Hub cannot be reached and the model is not on the disk; or the Hub refuses: there is no such model, or it needs a token.
    /// </exception>
    /// <exception cref="InvalidDataException">The Hub's answer is not usable, or the repository has no safetensors.</exception>
    public static Task<string> DownloadAsync(
        string repository, string revision = "main", HuggingFaceHubOptions? options = null, CancellationToken cancellationToken = default)
    {
        HubRepository.CheckName(repository);
        HubRepository.CheckRevision(revision);
        return new HubDownload(new HubRepository(repository, revision), options ?? new HuggingFaceHubOptions()).RunAsync(cancellationToken);
    }
}

/// <summary>Options of <see cref="HuggingFaceHub.DownloadAsync"/>.</summary>
public sealed class HuggingFaceHubOptions
{
    /// <summary>The folder that models are kept in, a sub-folder each. Default: <c>models</c> in the data directory (GENERATIVE_DATA, else the user's own).</summary>
    public string? CacheDirectory { get; set; }

    /// <summary>The access token, for models that need one; it is sent to the Hub alone. Default: the environment variable HF_TOKEN.</summary>
    public string? Token { get; set; }

    /// <summary>Where the Hub is. Default: the environment variable HF_ENDPOINT, else https://huggingface.co.</summary>
    public Uri? Endpoint { get; set; }

    /// <summary>Whether only files on the disk are used. Default: whether the environment variable HF_HUB_OFFLINE is 1.</summary>
    public bool? Offline { get; set; }

    /// <summary>Told how far each file has come. Default: nobody.</summary>
    public IProgress<DownloadProgress>? Progress { get; set; }
}
