using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

public sealed class DatasetDownloaderTests : IDisposable
{
    private const string Name = "train-images.gz";

    private readonly TinyDataset _data = new();
    private readonly HttpClient _client = new() { Timeout = Timeout.InfiniteTimeSpan };

    private string Destination => Path.Combine(_data.Home, Name);

    private string Partial => Destination + ".partial";

    private byte[] Content => _data[Name];

    public void Dispose()
    {
        _client.Dispose();
        _data.Dispose();
    }

    [Fact]
    public async Task A_whole_file_arrives_and_progress_ends_at_its_size()
    {
        await using var server = ScriptedServer.Of(name => _data[name]);
        Reports reports = new();

        await DownloadAsync(server, reports);

        Assert.Equal(Content, File.ReadAllBytes(Destination));
        Assert.False(File.Exists(Partial));
        Assert.Equal(new DownloadProgress(Name, Content.Length, Content.Length), reports[^1]);
    }

    [Fact]
    public async Task A_connection_that_is_cut_is_taken_up_where_it_ended()
    {
        await using ScriptedServer server = new((request, number, connection) =>
            ScriptedServer.SendAsync(connection, request, Content, stopAfter: number < 2 ? 30 : int.MaxValue));

        await DownloadAsync(server);

        Assert.Equal(Content, File.ReadAllBytes(Destination));
        Assert.Equal([0, 30, 60], server.Requests.Select(request => request.From));
    }

    [Fact]
    public async Task An_earlier_partial_download_is_continued()
    {
        await using var server = ScriptedServer.Of(name => _data[name]);
        WritePartial(Content[..40]);

        await DownloadAsync(server);

        Assert.Equal(Content, File.ReadAllBytes(Destination));
        Assert.Equal(40, Assert.Single(server.Requests).From);
    }

    [Fact]
    public async Task A_server_that_knows_no_ranges_sends_the_whole_file_again()
    {
        await using ScriptedServer server = new((request, _, connection) =>
            ScriptedServer.SendAsync(connection, request with { From = 0 }, Content));
        WritePartial(Content[..40]);

        await DownloadAsync(server);

        Assert.Equal(Content, File.ReadAllBytes(Destination));
    }

    [Fact]
    public async Task A_complete_partial_file_needs_no_server()
    {
        WritePartial(Content);

        await new DatasetDownloader(_client, TimeSpan.FromSeconds(20)).DownloadAsync(
            new Uri("http://127.0.0.1:1/none"), _data.Describe(Name), Destination, null, default);

        Assert.Equal(Content, File.ReadAllBytes(Destination));
    }

    [Fact]
    public async Task Content_with_another_hash_is_refused_and_deleted()
    {
        var other = Content.ToArray();
        other[^1] ^= 1;
        await using var server = ScriptedServer.Of(_ => other);

        var error = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server));

        Assert.Contains($"expected {_data.Describe(Name).Sha256}", error.Message, StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task A_file_of_another_size_is_refused_before_it_is_read(int more)
    {
        await using var server = ScriptedServer.Of(_ => [.. Content[..^1], .. new byte[1 + more]]);
        Reports reports = new();

        var error = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server, reports));

        Assert.Contains($"has {Content.Length + more:N0} bytes, expected {Content.Length:N0}", error.Message, StringComparison.Ordinal);
        Assert.Empty(reports);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task More_bytes_than_the_file_has_are_refused_when_no_length_was_told()
    {
        await using ScriptedServer server = new(async (_, _, connection) =>
        {
            await ScriptedServer.WriteAsync(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            await connection.WriteAsync(new byte[Content.Length + 1]);
        });

        Assert.Contains(
            "more than", (await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server))).Message, StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task Another_part_than_asked_for_is_refused()
    {
        await using ScriptedServer server = new((request, _, connection) =>
            ScriptedServer.SendAsync(connection, request with { From = request.From - 1 }, Content));
        WritePartial(Content[..40]);

        Assert.Contains(
            "another part", (await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server))).Message, StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_server_that_refuses_is_quoted_and_what_had_arrived_is_kept()
    {
        await using ScriptedServer server = new((_, _, connection) =>
            ScriptedServer.WriteAsync(connection, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
        WritePartial(Content[..40]);

        Assert.Contains(
            "403 Forbidden", (await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server))).Message, StringComparison.Ordinal);
        Assert.Equal(Content[..40], File.ReadAllBytes(Partial));
    }

    [Fact]
    public async Task A_server_that_brings_nothing_more_ends_the_attempts()
    {
        await using ScriptedServer server = new((request, _, connection) =>
            ScriptedServer.SendAsync(connection, request, Content, stopAfter: request.From == 0 ? 50 : 0));

        await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server));

        Assert.Equal(2, server.Requests.Count);
        Assert.Equal(Content[..50], File.ReadAllBytes(Partial));
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_not_waited_for()
    {
        await using ScriptedServer server = new(async (request, _, connection) =>
        {
            await ScriptedServer.SendAsync(connection, request, Content, stopAfter: 0);
            await Task.Delay(Timeout.Infinite);
        });

        var error = await Assert.ThrowsAsync<DownloadException>(() =>
            new DatasetDownloader(_client, TimeSpan.FromMilliseconds(200)).DownloadAsync(
                new Uri(server.Address, Name), _data.Describe(Name), Destination, null, default));

        Assert.Contains("sent nothing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_stops_the_download_and_keeps_what_has_arrived()
    {
        await using ScriptedServer server = new(async (request, _, connection) =>
        {
            await ScriptedServer.SendAsync(connection, request, Content, stopAfter: 50);
            await Task.Delay(Timeout.Infinite);
        });
        using CancellationTokenSource stop = new();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DownloadAsync(server, new Reports(_ => stop.Cancel()), stop.Token));

        Assert.False(File.Exists(Destination));
        Assert.NotEmpty(File.ReadAllBytes(Partial));
        Assert.Equal(Content[..(int)new FileInfo(Partial).Length], File.ReadAllBytes(Partial));
    }

    [Fact]
    public async Task A_file_that_another_download_is_filling_is_left_alone()
    {
        await using var server = ScriptedServer.Of(name => _data[name]);
        Directory.CreateDirectory(_data.Home);
        using FileStream other = new(Partial, FileMode.Create, FileAccess.Write, FileShare.None);

        await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(server));

        Assert.Empty(server.Requests);
    }

    private Task DownloadAsync(
        ScriptedServer server, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        new DatasetDownloader(_client, TimeSpan.FromSeconds(20)).DownloadAsync(
            new Uri(server.Address, Name), _data.Describe(Name), Destination, progress, cancellationToken);

    private void WritePartial(byte[] content)
    {
        Directory.CreateDirectory(_data.Home);
        File.WriteAllBytes(Partial, content);
    }

    private void AssertNothingIsLeft() => Assert.Empty(Directory.GetFiles(_data.Home));

    private sealed class Reports(Action<DownloadProgress>? also = null) : List<DownloadProgress>, IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            Add(value);
            also?.Invoke(value);
        }
    }
}
