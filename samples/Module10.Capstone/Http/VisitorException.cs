using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Module10.Http;

/// <summary>An error that the visitor can mend, in words for the page.</summary>
/// <param name="status">The status of HTTP, where the answer has not begun.</param>
/// <param name="message">What was found, and what was expected.</param>
internal sealed class VisitorException(int status, string message) : Exception(message)
{
    public int Status => status;

    /// <summary>The message about an error for the visitor; null: nothing, since it is the application's fault.</summary>
    public static string? MessageFor(Exception error) => error switch
    {
        VisitorException or ArgumentException or NotSupportedException => error.Message,
        BadHttpRequestException { InnerException: JsonException } => "The request is not the JSON that was expected.",
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => "The upload is too large.",
        BadHttpRequestException => error.Message,
        _ => null,
    };

    public static int StatusOf(Exception error) => error switch
    {
        VisitorException own => own.Status,
        BadHttpRequestException bad => bad.StatusCode,
        ArgumentException or NotSupportedException => StatusCodes.Status400BadRequest,
        _ => StatusCodes.Status500InternalServerError,
    };
}
