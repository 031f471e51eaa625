using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Module10.Http;

/// <summary>What every request passes: headers of the answer, the check where it comes from, and errors as texts.</summary>
internal static class Guard
{
    /// <summary>The longest body of a request, in bytes.</summary>
    public const int MostBytes = 2 << 20;

    private static readonly (string Name, string Value)[] _headers =
    [
        ("Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
            + "media-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ];

    public static async Task Run(HttpContext context, ILogger logger, Func<Task> next)
    {
        foreach ((string name, string value) in _headers)
            context.Response.Headers[name] = value;
        try
        {
            if (!IsSameOrigin(context.Request))
                throw new VisitorException(StatusCodes.Status403Forbidden, "Only the page of this application may ask for this.");
            // Refused before the server's own limit would close the connection, and with it the answer.
            if (context.Request.ContentLength > MostBytes)
                throw new VisitorException(StatusCodes.Status413PayloadTooLarge, "The upload is too large.");
            await next();
        }
        catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            string? message = VisitorException.MessageFor(e);
            if (message is null)
                logger.LogError(e, "A request failed.");
            context.Response.StatusCode = VisitorException.StatusOf(e);
            await context.Response.WriteAsJsonAsync(new { error = message ?? "This failed inside the application. Its log says why." });
        }
    }

    /// <summary>
    /// Whether a request may change something: browsers say which page sends it, and other programs send no such header, but have no
    /// visitor's cookie either.
    /// </summary>
    public static bool IsSameOrigin(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
            return true;
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site and not ("same-origin" or "none"))
            return false;
        return request.Headers.Origin.ToString() is not { Length: > 0 } origin
            || origin == $"{request.Scheme}://{request.Host}";
    }
}
