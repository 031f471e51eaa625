using System.Net;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>
/// Follows redirects, and keeps the access token where they stay on the same server, as those of renamed repositories do.
/// (<see cref="SocketsHttpHandler"/> would drop it in either case.) Files lie on other servers, which the token is not sent to.
/// </summary>
internal sealed class HubRedirects(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MostRedirects = 10;

    /// <exception cref="InvalidDataException">A redirect leads to what is no web server, to plain http, or to no end.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        Uri first = request.RequestUri!;
        for (int followed = 0; IsRedirect(response.StatusCode) && response.Headers.Location is { } location; followed++)
        {
            response.Dispose();
            if (followed == MostRedirects)
                throw new InvalidDataException($"'{first}' is redirected more than {MostRedirects} times.");
            Uri from = request.RequestUri!;
            // By its text: on Unix, .NET takes a path that begins with / for the file of that name.
            if (!Uri.TryCreate(from, location.OriginalString, out Uri? to) || !IsAllowed(from, to))
            {
                throw new InvalidDataException(
                    $"'{from}' is redirected to '{location.OriginalString}'; expected an address that begins with https.");
            }

            if (Uri.Compare(from, to, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
                request.Headers.Authorization = null;
            request.RequestUri = to;
            response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }

        return response;
    }

    private static bool IsRedirect(HttpStatusCode code) => code is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    // A server on this machine may use plain http; no other server may lead to one.
    private static bool IsAllowed(Uri from, Uri to) =>
        to.Scheme == Uri.UriSchemeHttps || to.Scheme == Uri.UriSchemeHttp && to.IsLoopback && from.IsLoopback;
}
