using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>Server-sent events; the response begins with the first. Several may be sent at a time.</summary>
internal sealed class EventStream(ServerRequest request) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    public Task SendAsync(JsonObject data, string? name = null) =>
        WriteAsync(name is null ? $"data: {data.ToJsonString()}\n\n" : $"event: {name}\ndata: {data.ToJsonString()}\n\n");

    public Task SendDoneAsync() => WriteAsync("data: [DONE]\n\n");

    public void Dispose() => _turn.Dispose();

    private async Task WriteAsync(string text)
    {
        await _turn.WaitAsync(request.Cancellation).ConfigureAwait(false);
        try
        {
            HttpResponse response = request.Context.Response;
            if (!response.HasStarted)
            {
                response.ContentType = "text/event-stream; charset=utf-8";
                response.Headers.CacheControl = "no-cache";
                response.Headers["X-Accel-Buffering"] = "no";
            }

            await response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), request.Cancellation).ConfigureAwait(false);
            await response.Body.FlushAsync(request.Cancellation).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }
}
