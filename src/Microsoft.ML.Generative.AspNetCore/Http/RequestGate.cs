using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.ML.Generative.AspNetCore.Metrics;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>What each request has to pass: keys and limits. It turns errors into bodies as OpenAI's.</summary>
internal sealed partial class RequestGate : IDisposable
{
    private const string Bearer = "Bearer ";

    private static readonly TimeSpan _discardTime = TimeSpan.FromSeconds(5);

    private readonly GenerativeServerOptions _options;
    private readonly byte[][] _keys;
    private readonly ServerMetrics _metrics;
    private readonly ILogger<RequestGate> _logger;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly PartitionedRateLimiter<string>? _rates;
    private int _active;

    public RequestGate(
        IOptions<GenerativeServerOptions> options, ServerMetrics metrics, ILogger<RequestGate> logger, IHostApplicationLifetime lifetime)
    {
        (_options, _metrics, _logger, _lifetime) = (options.Value, metrics, logger, lifetime);
        _keys = [.. _options.ApiKeys.Select(Hash)];
        if (_options.RequestsPerMinute is { } requests)
        {
            _rates = PartitionedRateLimiter.Create<string, string>(caller => RateLimitPartition.GetSlidingWindowLimiter(
                caller, _ => new SlidingWindowRateLimiterOptions
                {
                    PermitLimit = requests,
                    Window = TimeSpan.FromMinutes(1),
                    SegmentsPerWindow = 6,
                    AutoReplenishment = true,
                }));
        }
    }

    /// <summary>Whether the application stops.</summary>
    public bool IsDraining => _lifetime.ApplicationStopping.IsCancellationRequested;

    public async Task Serve(HttpContext context, Func<ServerRequest, Task> run)
    {
        using CancellationTokenSource time = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        time.CancelAfter(_options.RequestTimeout);
        var request = new ServerRequest(context, _options, time.Token);
        Stream body = context.Request.Body;
        int status = StatusCodes.Status200OK;
        Interlocked.Increment(ref _active);
        _metrics.Enter();
        try
        {
            string caller = Authenticate(context);
            Limit(caller);
            LimitBody(context);
            await run(request).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            OpenAIException? error = Translate(e, context);
            status = error?.Status ?? 499;
            if (error is not null)
                await WriteErrorAsync(context, error).ConfigureAwait(false);
            if (status == StatusCodes.Status413PayloadTooLarge)
                await DiscardAsync(context, body).ConfigureAwait(false);
        }
        finally
        {
            _metrics.Leave(request, status);
            Interlocked.Decrement(ref _active);
        }
    }

    public void Dispose() => _rates?.Dispose();

    // The key's hash, or the address: what limits count by.
    private string Authenticate(HttpContext context)
    {
        IPAddress? address = context.Connection.RemoteIpAddress;
        if (_keys.Length == 0)
        {
            return address is null || IPAddress.IsLoopback(address) ? address?.ToString() ?? "" : throw new OpenAIException(
                401, "The server has no API keys, and serves only callers on its own machine.", code: "invalid_api_key");
        }

        string header = context.Request.Headers.Authorization.ToString();
        byte[] given = Hash(header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim() : "");
        // All keys are compared, each in constant time.
        bool isKnown = false;
        foreach (byte[] key in _keys)
            isKnown |= CryptographicOperations.FixedTimeEquals(key, given);
        return isKnown ? Convert.ToHexString(given) : throw new OpenAIException(
            401, header.Length == 0 ? "The request has no API key: send it as bearer token." : "The API key is not known.",
            code: "invalid_api_key");
    }

    private void Limit(string caller)
    {
        if (IsDraining)
            throw new OpenAIException(503, "The server is stopping.", code: "stopping") { RetryAfter = 1 };
        if (Volatile.Read(ref _active) > _options.MaxConcurrentRequests)
            throw new OpenAIException(
                429, $"More than {_options.MaxConcurrentRequests} requests are waiting; try again later.", code: "queue_full")
            {
                RetryAfter = 1,
            };
        using RateLimitLease? lease = _rates?.AttemptAcquire(caller);
        if (lease is { IsAcquired: false })
        {
            int seconds = lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait) ? (int)Math.Ceiling(wait.TotalSeconds) : 10;
            throw new OpenAIException(
                429, $"More than {_options.RequestsPerMinute} requests in a minute; try again later.", code: "rate_limit_exceeded")
            {
                RetryAfter = Math.Max(1, seconds),
            };
        }
    }

    // The server's own limit is lifted: it would close the connection, and with it what of the answer has not arrived.
    private void LimitBody(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Request.ContentLength > _options.MaxRequestBytes)
            throw LimitedBody.TooLarge(_options.MaxRequestBytes);
        context.Request.Body = new LimitedBody(context.Request.Body, _options.MaxRequestBytes);
    }

    // For some seconds: a caller that still sends may only then read the answer.
    private static async Task DiscardAsync(HttpContext context, Stream body)
    {
        using CancellationTokenSource time = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        time.CancelAfter(_discardTime);
        try
        {
            await context.Response.CompleteAsync().ConfigureAwait(false);
            await body.CopyToAsync(Stream.Null, time.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller has left, or takes too long.
        }
    }

    // Null where nobody is there any more to read it.
    private OpenAIException? Translate(Exception error, HttpContext context)
    {
        switch (error)
        {
            case OpenAIException own:
                return own;
            case BadHttpRequestException bad:
                return new OpenAIException(bad.StatusCode, bad.Message);
            case ArgumentException when ContextLengthError.Is(error):
                return new OpenAIException(400, error.Message, "messages", "context_length_exceeded");
            case ArgumentException or NotSupportedException:
                return new OpenAIException(400, error.Message);
            case OperationCanceledException when context.RequestAborted.IsCancellationRequested:
                return null;
            case IOException when context.RequestAborted.IsCancellationRequested:
                return null;
            case OperationCanceledException:
                return new OpenAIException(504, $"The request took longer than {_options.RequestTimeout}.", code: "timeout");
            default:
                LogError(error);
                return new OpenAIException(500, "The request failed inside the server.", code: "internal_error");
        }
    }

    private static async Task WriteErrorAsync(HttpContext context, OpenAIException error)
    {
        try
        {
            string body = error.Body.ToJsonString();
            if (context.Response.HasStarted)
            {
                // The status has been sent: the stream ends with the error.
                await context.Response.WriteAsync($"data: {body}\n\n", context.RequestAborted).ConfigureAwait(false);
                return;
            }

            context.Response.StatusCode = error.Status;
            context.Response.ContentType = "application/json; charset=utf-8";
            if (error.RetryAfter is { } seconds)
                context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            if (error.Status == StatusCodes.Status401Unauthorized)
                context.Response.Headers.WWWAuthenticate = "Bearer";
            await context.Response.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller has left.
        }
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    [LoggerMessage(Level = LogLevel.Error, Message = "A request failed.")]
    private partial void LogError(Exception error);
}
