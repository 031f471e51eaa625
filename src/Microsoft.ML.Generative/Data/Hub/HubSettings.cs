namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>How the Hub is asked: by the options, or else by the environment variables of Python's huggingface_hub.</summary>
/// <param name="Endpoint">Where the Hub is, perhaps below a path.</param>
/// <param name="Token">The access token, if there is one.</param>
/// <param name="IsOffline">Whether the Hub is not asked at all.</param>
internal sealed record HubSettings(Uri Endpoint, string? Token, bool IsOffline)
{
    private const string EndpointVariable = "HF_ENDPOINT";
    private const string TokenVariable = "HF_TOKEN";
    private const string OfflineVariable = "HF_HUB_OFFLINE";

    // Those of huggingface_hub, in upper and lower case.
    private static readonly string[] _true = ["1", "on", "yes", "true"];

    /// <param name="options">What they leave open, the environment decides.</param>
    /// <param name="variable">Reads an environment variable.</param>
    /// <exception cref="ArgumentException">The address or the token cannot be used; the message names the option or variable.</exception>
    public static HubSettings Of(HuggingFaceHubOptions options, Func<string, string?> variable)
    {
        Uri endpoint = options.Endpoint is { } address
            ? CheckEndpoint(address, address.OriginalString, nameof(HuggingFaceHubOptions.Endpoint))
            : variable(EndpointVariable) is { Length: > 0 } text
                ? CheckEndpoint(Uri.TryCreate(text, UriKind.Absolute, out Uri? parsed) ? parsed : null, text, EndpointVariable)
                : new Uri("https://huggingface.co");
        string? token = options.Token is { } given
            ? CheckToken(given, nameof(HuggingFaceHubOptions.Token))
            : CheckToken(variable(TokenVariable) ?? "", TokenVariable);
        bool isOffline = options.Offline ?? _true.Contains(variable(OfflineVariable), StringComparer.OrdinalIgnoreCase);
        return new HubSettings(endpoint, token, isOffline);
    }

    private static Uri CheckEndpoint(Uri? address, string text, string source)
    {
        if (address is { IsAbsoluteUri: true, Query: "", Fragment: "", UserInfo: "" }
            && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
        {
            return address;
        }

        // What stands before an @ may be a password.
        string shown = text[(text.LastIndexOf('@') + 1)..];
        throw new ArgumentException(
            $"{source} is '{shown}'; expected an address that begins with https and has no user, query or fragment, "
            + "such as https://huggingface.co.");
    }

    private static string? CheckToken(string token, string source)
    {
        // A file or a shell may end it with a line break, which huggingface_hub takes away, too.
        string trimmed = token.Trim();
        int at = trimmed.AsSpan().IndexOfAnyExceptInRange('!', '~');
        if (at >= 0)
        {
            throw new ArgumentException(
                $"{source} has the character U+{(int)trimmed[at]:X4} in place {at}; expected an access token without spaces, "
                + "line breaks and characters beyond ASCII.");
        }

        return trimmed.Length > 0 ? trimmed : null;
    }
}
