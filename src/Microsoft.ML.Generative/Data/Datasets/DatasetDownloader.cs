using System.Net;
using System.Net.Http.Headers;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Downloads files whose size and SHA-256 are known. What arrives goes to a file with <c>.partial</c> at the end, which a later
/// attempt continues; only a complete file with the right hash gets the real name.
/// </summary>
/// <param name="client">Sends the requests; its own timeout should be off, since a file may take long.</param>
/// <param name="stallTimeout">How long to wait for the next bytes.</param>
internal sealed class DatasetDownloader(HttpClient client, TimeSpan stallTimeout)
{
    private const int MostAttempts = 10;

    /// <summary>The one that talks to the internet.</summary>
    public static DatasetDownloader Default { get; } = new(CreateClient(), TimeSpan.FromSeconds(60));

    /// <summary>Downloads one file.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="file">What it must be.</param>
    /// <param name="destination">Full path that it gets; folders are made.</param>
    /// <param name="progress">Receives a report every few thousand bytes.</param>
    /// <param name="cancellationToken">Stops the download; what has arrived is kept for the next.</param>
    /// <exception cref="DownloadException">It could not be had, or is not what it must be.</exception>
    public async Task DownloadAsync(
        Uri address, DatasetFile file, string destination, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var partial = destination + ".partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(destination)!);
            // Not shared: two processes that fill one file would spoil it.
            await using (FileStream stream = new(
                partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1 << 16, useAsync: true))
            {
                await FillAsync(stream, address, file, progress, cancellationToken).ConfigureAwait(false);
                if (await file.FindFaultAsync(stream, cancellationToken).ConfigureAwait(false) is { } fault)
                    throw new WrongContentException($"{fault}; what was downloaded has been deleted");
            }
            File.Move(partial, destination, overwrite: true);
        }
        catch (WrongContentException wrong)
        {
            File.Delete(partial);
            throw new DownloadException(wrong.Message);
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            throw new DownloadException(reason.Message, reason);
        }
    }

    /// <summary>Asks again after a cut as long as every attempt brings some bytes.</summary>
    private async Task FillAsync(
        FileStream stream, Uri address, DatasetFile file, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        if (stream.Length > file.Size)
            stream.SetLength(0);

        for (var attempt = 1; stream.Length < file.Size; attempt++)
        {
            var before = stream.Length;
            var problem = await ReceiveAsync(stream, address, file, progress, cancellationToken).ConfigureAwait(false);
            if (stream.Length < file.Size && (attempt == MostAttempts || stream.Length <= before))
            {
                throw new DownloadException(
                    problem?.Message ?? $"the connection ended after {stream.Length:N0} of {file.Size:N0} bytes", problem);
            }
        }
    }

    /// <summary>Appends what one request brings; returns the exception that ended it early, if there is one.</summary>
    private async Task<Exception?> ReceiveAsync(
        FileStream stream, Uri address, DatasetFile file, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(stallTimeout);
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Get, address);
            if (stream.Length > 0)
                request.Headers.Range = new RangeHeaderValue(stream.Length, null);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token)
                .ConfigureAwait(false);
            stream.Position = Start(response, stream, file);
            stream.SetLength(stream.Position);

            await using var body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
            var buffer = new byte[1 << 16];
            while (true)
            {
                stall.CancelAfter(stallTimeout);
                int count;
                try
                {
                    count = await body.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
                }
                catch (IOException cut)
                {
                    return cut;
                }
                if (count == 0)
                    return null;
                if (stream.Position + count > file.Size)
                    throw new WrongContentException($"the server sends more than the {file.Size:N0} bytes that the file has");
                await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
                progress?.Report(new DownloadProgress(file.Name, stream.Position, file.Size));
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new TimeoutException($"the server sent nothing for {stallTimeout.TotalSeconds:N0} seconds");
        }
        catch (HttpRequestException cut)
        {
            return cut;
        }
        finally
        {
            await stream.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>The offset in the file at which the body of the response begins.</summary>
    private static long Start(HttpResponseMessage response, FileStream stream, DatasetFile file)
    {
        long start = 0;
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            start = response.Content.Headers.ContentRange is { From: { } from } range
                && (range.Length ?? file.Size) == file.Size && from == stream.Length
                ? from
                : throw new WrongContentException(
                    $"the server answered with another part of the file than asked for ({response.Content.Headers.ContentRange})");
        }
        else if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new DownloadException($"the server answered {(int)response.StatusCode} {response.ReasonPhrase}");
        }

        if (response.Content.Headers.ContentLength is { } length && start + length != file.Size)
            throw new WrongContentException($"the server's file has {start + length:N0} bytes, expected {file.Size:N0}");
        return start;
    }

    private static HttpClient CreateClient()
    {
        HttpClient client = new(
            new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(15) })
        { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Microsoft.ML.Generative", null));
        return client;
    }

    /// <summary>What arrived cannot become the file, however often one asks: it is deleted.</summary>
    private sealed class WrongContentException(string message) : Exception(message);
}

/// <summary>A file could not be downloaded; the message says why, as part of a sentence.</summary>
internal sealed class DownloadException(string message, Exception? inner = null) : Exception(message, inner);
