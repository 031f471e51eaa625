using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Redirects, and answers that stall or are cut.</summary>
public sealed class HubConnectionTests : IDisposable
{
    private const string Listing = HubServer.Root + "/api/models/";

    private readonly TemporaryFolder _cache = new();
    private readonly Dictionary<string, byte[]> _files = new()
    {
        ["config.json"] = "{}"u8.ToArray(),
        ["tokenizer.json"] = "{}"u8.ToArray(),
        ["model.safetensors"] = new byte[100],
    };

    public void Dispose() => _cache.Dispose();

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_on_the_same_server_keeps_the_token(int code)
    {
        // As the Hub answers for a repository that was renamed: with a path.
        await using ScriptedServer server = Serve((request, connection) => request.Path.Contains("/some/model", StringComparison.Ordinal)
            ? RedirectAsync(connection, code, request.Path.Replace("/some/model", "/new/name", StringComparison.Ordinal))
            : AnswerAsync(request with { Path = request.Path.Replace("/new/name", "/some/model", StringComparison.Ordinal) }, connection));
        string folder = await DownloadAsync(server.Address, "secret");
        Assert.Equal(_files.Keys.Order(), Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order());
        Assert.Equal(2 * (1 + _files.Count), server.Requests.Count);
        Assert.All(server.Requests, request => Assert.Equal("Bearer secret", request.Authorization));
    }

    [Fact]
    public async Task A_redirect_to_another_server_drops_the_token()
    {
        await using ScriptedServer storage = Serve(AnswerAsync);
        await using ScriptedServer server = Serve((request, connection) => request.Path.StartsWith(Listing, StringComparison.Ordinal)
            ? AnswerAsync(request, connection)
            : RedirectAsync(connection, 302, new Uri(storage.Address, request.Path).AbsoluteUri));
        await DownloadAsync(server.Address, "secret");
        Assert.Equal(_files.Count, storage.Requests.Count);
        Assert.All(storage.Requests, request => Assert.Null(request.Authorization));
        Assert.All(server.Requests, request => Assert.Equal("Bearer secret", request.Authorization));
    }

    [Theory]
    [InlineData("file:///etc/passwd", true)]
    [InlineData("file:///etc/passwd", false)]
    [InlineData("http://example.org/config.json", false)]
    [InlineData("ftp://127.0.0.1/config.json", false)]
    public async Task A_redirect_to_what_is_no_https_server_is_refused(string location, bool ofListing)
    {
        await using ScriptedServer server = Serve((request, connection) => ofListing || request.Name == "config.json"
            ? RedirectAsync(connection, 302, location)
            : AnswerAsync(request, connection));
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => DownloadAsync(server.Address));
        Assert.Contains($"is redirected to '{location}'; expected an address that begins with https", error.Message);
    }

    [Fact]
    public async Task Redirects_without_end_are_refused()
    {
        await using ScriptedServer server = Serve((request, connection) => RedirectAsync(connection, 302, request.Path));
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => DownloadAsync(server.Address));
        Assert.Contains("more than 10 times", error.Message);
        Assert.Equal(11, server.Requests.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_listing_that_stalls_can_be_canceled(bool inBody)
    {
        var stalled = new TaskCompletionSource();
        await using ScriptedServer server = Serve(async (_, connection) =>
        {
            await StallAsync(connection, inBody);
            stalled.SetResult();
            await Task.Delay(Timeout.Infinite);
        });
        using var cancellation = new CancellationTokenSource();
        Task<string> download = HuggingFaceHub.DownloadAsync(
            HubServer.Repository, options: Options(server.Address), cancellationToken: cancellation.Token);
        await stalled.Task;
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => download.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_listing_that_stalls_ends_and_the_cache_is_used(bool inBody)
    {
        await using ScriptedServer server = Serve(async (_, connection) =>
        {
            await StallAsync(connection, inBody);
            await Task.Delay(Timeout.Infinite);
        });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(RunAsync);
        Assert.Contains("cannot be asked: it sent nothing for", error.Message);
        string folder = await FillCacheAsync();
        Assert.Equal(folder, await RunAsync());

        Task<string> RunAsync() => new HubDownload(
            new(HubServer.Repository, "main"), [PretrainedLanguageModel.Files], _cache.Path, new(server.Address, null, false), null)
        {
            Patience = TimeSpan.FromSeconds(0.3),
        }.RunAsync(default);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")]
    [InlineData("HTTP/1.1 200 O")]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")]
    public async Task After_a_listing_that_is_cut_or_an_error_of_the_Hubs_own_the_cache_is_used(string answer)
    {
        await using ScriptedServer server = Serve((_, connection) => ScriptedServer.WriteAsync(connection, answer));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => DownloadAsync(server.Address));
        Assert.Contains("cannot be asked: ", error.Message);
        string folder = await FillCacheAsync();
        Assert.Equal(folder, await DownloadAsync(server.Address));
    }

    private async Task<string> FillCacheAsync()
    {
        await using ScriptedServer whole = Serve(AnswerAsync);
        return await DownloadAsync(whole.Address);
    }

    private static Task StallAsync(Stream connection, bool inBody) => inBody
        ? ScriptedServer.WriteAsync(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        : Task.CompletedTask;

    private static Task RedirectAsync(Stream connection, int code, string location) =>
        ScriptedServer.WriteAsync(connection, $"HTTP/1.1 {code} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");

    private Task AnswerAsync(ScriptedServer.Request request, Stream connection) => ScriptedServer.SendAsync(
        connection, request,
        request.Path.StartsWith(Listing, StringComparison.Ordinal) ? new HubServer(_files).Listing() : _files[request.Name]);

    private static ScriptedServer Serve(Func<ScriptedServer.Request, Stream, Task> answer) =>
        new((request, _, connection) => answer(request, connection));

    private Task<string> DownloadAsync(Uri address, string? token = null) =>
        HuggingFaceHub.DownloadAsync(HubServer.Repository, options: Options(address, token));

    private HuggingFaceHubOptions Options(Uri address, string? token = null) =>
        new() { CacheDirectory = _cache.Path, Endpoint = address, Token = token ?? "", Offline = false };
}
