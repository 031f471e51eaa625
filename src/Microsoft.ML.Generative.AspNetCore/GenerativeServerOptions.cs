namespace Microsoft.ML.Generative.AspNetCore;

/// <summary>Keys and limits of a server of models.</summary>
public sealed class GenerativeServerOptions
{
    /// <summary>
    /// The keys of which a caller has to send one as bearer token. Default: none, and only callers on this machine are served.
    /// </summary>
    public IList<string> ApiKeys { get; } = [];

    /// <summary>Bytes of a request at most, at least 1. Default: 4 MiB.</summary>
    public long MaxRequestBytes { get; set; } = 4 << 20;

    /// <summary>Requests that are worked on or wait at a time; further ones get the status 429. At least 1. Default: 1024.</summary>
    public int MaxConcurrentRequests { get; set; } = 1024;

    /// <summary>Requests of a key, or of an address where there are no keys, in a minute, at least 1. Default: no limit.</summary>
    public int? RequestsPerMinute { get; set; }

    /// <summary>Tokens of an answer at most, at least 1. Default: as many as the model's context has room for.</summary>
    public int? MaxOutputTokens { get; set; }

    /// <summary>Time of a request at most, above zero. Default: 10 minutes.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Time that requests have to end when the application stops, above zero. Default: 30 seconds.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    internal void Validate()
    {
        Check(ApiKeys.All(key => !string.IsNullOrWhiteSpace(key)), nameof(ApiKeys), "an empty key", "keys with characters");
        Check(MaxRequestBytes >= 1, nameof(MaxRequestBytes), MaxRequestBytes, "1 or more");
        Check(MaxConcurrentRequests >= 1, nameof(MaxConcurrentRequests), MaxConcurrentRequests, "1 or more");
        Check(RequestsPerMinute is null or >= 1, nameof(RequestsPerMinute), RequestsPerMinute, "1 or more");
        Check(MaxOutputTokens is null or >= 1, nameof(MaxOutputTokens), MaxOutputTokens, "1 or more");
        Check(RequestTimeout > TimeSpan.Zero, nameof(RequestTimeout), RequestTimeout, "more than zero");
        Check(DrainTimeout > TimeSpan.Zero, nameof(DrainTimeout), DrainTimeout, "more than zero");

        static void Check(bool isRight, string name, object? value, string expected)
        {
            if (!isRight)
                throw new ArgumentException($"{name} is {value}; expected {expected}.", name);
        }
    }
}
