using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Module10.Http;

/// <summary>Writes server-sent events with JSON as data.</summary>
internal static class ServerSentEvents
{
    public static async Task WriteAsync(
        HttpResponse response, IAsyncEnumerable<(string Name, object Data)> events, CancellationToken cancellation)
    {
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(cancellation);
        await foreach ((string name, object data) in events)
        {
            string json = JsonSerializer.Serialize(data, JsonSerializerOptions.Web);
            await response.Body.WriteAsync(Encoding.UTF8.GetBytes($"event: {name}\ndata: {json}\n\n"), cancellation);
            await response.Body.FlushAsync(cancellation);
        }
    }
}
