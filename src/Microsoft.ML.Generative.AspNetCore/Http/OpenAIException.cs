using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>An error with a status and a body as OpenAI's.</summary>
internal sealed class OpenAIException(int status, string message, string? parameter = null, string? code = null) : Exception(message)
{
    public int Status => status;

    /// <summary>Seconds after which a caller may try again; null: not said.</summary>
    public int? RetryAfter { get; init; }

    public JsonObject Body => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = Message,
            ["type"] = status switch
            {
                401 => "authentication_error",
                429 => "rate_limit_error",
                >= 500 => "server_error",
                _ => "invalid_request_error",
            },
            ["param"] = parameter,
            ["code"] = code,
        },
    };
}
