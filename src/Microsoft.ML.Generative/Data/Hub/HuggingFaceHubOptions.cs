namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="HuggingFaceHub.DownloadAsync"/>.</summary>
public sealed class HuggingFaceHubOptions
{
    /// <summary>
    /// The folder that models are kept in, a sub-folder each. Default: <c>models</c> in the data directory (GENERATIVE_DATA, else the
    /// user's own).
    /// </summary>
    public string? CacheDirectory { get; set; }

    /// <summary>
    /// The access token, for models that need one; sent to the Hub alone, and kept in redirects on the Hub. Whitespace around it is
    /// removed; an empty one sends none. Default: the environment variable HF_TOKEN.
    /// </summary>
    public string? Token { get; set; }

    /// <summary>
    /// Where the Hub is, such as <c>https://proxy.example.org/hf</c>: an https address, or an http one of this machine.
    /// Default: the environment variable HF_ENDPOINT, else https://huggingface.co.
    /// </summary>
    public Uri? Endpoint { get; set; }

    /// <summary>
    /// Whether only files on the disk are used. Default: whether the environment variable HF_HUB_OFFLINE is 1, true, yes or on.
    /// </summary>
    public bool? Offline { get; set; }

    /// <summary>Receives how far each file has come. Default: nothing is reported.</summary>
    public IProgress<DownloadProgress>? Progress { get; set; }
}
