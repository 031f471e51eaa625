namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="HuggingFaceHub.DownloadAsync"/>.</summary>
public sealed class HuggingFaceHubOptions
{
    /// <summary>
    /// The folder that models are kept in, a sub-folder each. Default: <c>models</c> in the data directory (GENERATIVE_DATA, else the
    /// user's own).
    /// </summary>
    public string? CacheDirectory { get; set; }

    /// <summary>The access token, for models that need one; sent to the Hub alone. Default: the environment variable HF_TOKEN.</summary>
    public string? Token { get; set; }

    /// <summary>Where the Hub is. Default: the environment variable HF_ENDPOINT, else https://huggingface.co.</summary>
    public Uri? Endpoint { get; set; }

    /// <summary>Whether only files on the disk are used. Default: whether the environment variable HF_HUB_OFFLINE is 1.</summary>
    public bool? Offline { get; set; }

    /// <summary>Told how far each file has come. Default: nobody.</summary>
    public IProgress<DownloadProgress>? Progress { get; set; }
}
