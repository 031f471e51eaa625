using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Module10.Tests;

/// <summary>A visitor with cookies, but without a browser.</summary>
internal sealed class Visitor(Uri address) : IDisposable
{
    public HttpClient Http { get; } = new(new HttpClientHandler { CookieContainer = new CookieContainer() }) { BaseAddress = address };

    /// <summary>Posts JSON, or a text as it is, and reads the events that come back.</summary>
    public async Task<IReadOnlyList<(string Name, JsonNode Data)>> RunAsync(string path, object body)
    {
        using HttpContent content = body is string text ? new StringContent(text, Encoding.UTF8, "text/plain") : JsonContent.Create(body);
        using HttpResponseMessage response = await Http.PostAsync(path, content);
        string events = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, events);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        return [.. events.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(Read)];
    }

    /// <summary>Posts JSON that is refused, and reads why.</summary>
    public async Task<(HttpStatusCode Status, string Error)> FailAsync(string path, object body)
    {
        using HttpResponseMessage response = await Http.PostAsJsonAsync(path, body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.False(response.IsSuccessStatusCode, text);
        return (response.StatusCode, (string)JsonNode.Parse(text)!["error"]!);
    }

    public void Dispose() => Http.Dispose();

    private static (string Name, JsonNode Data) Read(string text)
    {
        string[] lines = text.Split('\n');
        Assert.StartsWith("event: ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("data: ", lines[1], StringComparison.Ordinal);
        return (lines[0]["event: ".Length..], JsonNode.Parse(lines[1]["data: ".Length..])!);
    }
}
