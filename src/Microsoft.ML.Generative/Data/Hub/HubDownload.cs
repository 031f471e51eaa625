using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>One call of <see cref="HuggingFaceHub.DownloadAsync"/>.</summary>
internal sealed class HubDownload
{
    private const int MostListingBytes = ModelConfigJson.MaxBytes;
    private const int MostReferenceBytes = 100;
    private const string References = "refs";

    private readonly HubRepository _repository;
    private readonly IReadOnlyList<HubFiles> _kinds;
    private readonly IProgress<DownloadProgress>? _progress;
    private readonly string _folder;
    private readonly HubSettings _settings;

    /// <param name="repository">The model.</param>
    /// <param name="kinds">
    /// The kinds of model that the caller can load. A repository that is complete for several gets the files of each.
    /// </param>
    /// <param name="cache">The folder that models are kept in.</param>
    /// <param name="settings">Address, token and whether there is a network.</param>
    /// <param name="progress">Receives how far each file has come.</param>
    public HubDownload(
        HubRepository repository, IReadOnlyList<HubFiles> kinds, string cache, HubSettings settings, IProgress<DownloadProgress>? progress)
    {
        (_repository, _kinds, _settings, _progress) = (repository, kinds, settings, progress);
        _folder = Path.Combine(cache, repository.FolderName);
    }

    /// <summary>How long to wait for the next bytes.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    private string ReferencePath => Path.Combine(_folder, References, _repository.ReferenceName);

    public async Task<string> RunAsync(CancellationToken cancellation)
    {
        if (_settings.IsOffline)
            return FindCached("offline mode is on", null);

        using HttpClient client = CreateClient();
        HubListing listing;
        try
        {
            listing = new HubListing(_repository.Name, await ListAsync(client, cancellation).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException && !cancellation.IsCancellationRequested)
        {
            return FindCached(e.Message, e);
        }

        string snapshot = Path.Combine(_folder, listing.Commit);
        var downloader = new DatasetDownloader(client, Patience);
        // All entries are read first: one that is not valid is an error before the first download.
        foreach (DatasetFile file in Select(listing).Select(listing.File).ToArray())
        {
            await FetchAsync(downloader, listing, file, snapshot, cancellation).ConfigureAwait(false);
            foreach (string shard in HubFiles.IsIndex(file.Name) ? HubFiles.Shards(snapshot, file.Name) : [])
            {
                if (!listing.Names.Contains(shard))
                {
                    throw new InvalidDataException(
                        $"'{file.Name}' of the model '{_repository.Name}' names the file '{shard}', which is not on the Hub.");
                }

                await FetchAsync(downloader, listing, listing.File(shard), snapshot, cancellation).ConfigureAwait(false);
            }
        }

        // Only now: a revision that is named here is complete.
        Directory.CreateDirectory(Path.GetDirectoryName(ReferencePath)!);
        AtomicFile.Write(ReferencePath, stream => stream.Write(Encoding.ASCII.GetBytes(listing.Commit)));
        return snapshot;
    }

    // Weights come last, so that a folder that has them is complete.
    private IReadOnlyList<string> Select(HubListing listing)
    {
        HubFiles[] found = [.. _kinds.Where(kind => kind.Missing(listing.Names).Count == 0)];
        if (found.Length > 0)
        {
            return [.. found.SelectMany(kind => kind.Select(listing.Names)).Distinct()
                .OrderBy(name => name.Contains(SafetensorsReader.Extension, StringComparison.Ordinal))];
        }

        string lacking = string.Join(
            "; ", _kinds.Select(kind => $"as {kind.Kind}, it lacks {string.Join(", ", kind.Missing(listing.Names))}"));
        throw new InvalidDataException(
            $"The model '{_repository.Name}' on the Hub is of no kind that can be loaded: {lacking}."
            + (listing.Pickle is { } pickle ? $" It has '{pickle}', {HuggingFaceFolder.PickleReason}." : ""));
    }

    private async Task FetchAsync(
        DatasetDownloader downloader, HubListing listing, DatasetFile file, string snapshot, CancellationToken cancellation)
    {
        string path = Path.Combine([snapshot, .. file.Name.Split('/')]);
        try
        {
            if (await IsStoredAsync(file, path, cancellation).ConfigureAwait(false))
                return;
            Uri address = _repository.File(_settings.Endpoint, listing.Commit, file.Name);
            await downloader.DownloadAsync(address, file, path, _progress, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DownloadException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException(
                $"'{file.Name}' of the model '{_repository.Name}' could not be downloaded: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private static async Task<bool> IsStoredAsync(DatasetFile file, string path, CancellationToken cancellation)
    {
        if (!File.Exists(path) || new FileInfo(path).Length != file.Size)
            return false;
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, useAsync: true);
        return await file.FindFaultAsync(stream, cancellation).ConfigureAwait(false) is null;
    }

    /// <exception cref="HttpRequestException">The Hub is not there, or out of order.</exception>
    /// <exception cref="IOException">Its answer was cut.</exception>
    /// <exception cref="TimeoutException">It sent nothing for too long.</exception>
    /// <exception cref="InvalidOperationException">It refuses.</exception>
    private async Task<byte[]> ListAsync(HttpClient client, CancellationToken cancellation)
    {
        Uri address = _repository.Listing(_settings.Endpoint);
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(Patience);
        try
        {
            using HttpResponseMessage response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, stall.Token)
                .ConfigureAwait(false);
            Check(response.StatusCode);
            await using Stream body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
            return await BoundedRead.AllAsync(body, address.ToString(), MostListingBytes, () => stall.CancelAfter(Patience), stall.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            string reason = stall.IsCancellationRequested ? $"it sent nothing for {Patience.TotalSeconds:N0} seconds" : e.Message;
            throw new TimeoutException(reason, e);
        }
    }

    private void Check(HttpStatusCode code)
    {
        if ((int)code is >= 200 and < 300)
            return;
        if ((int)code >= 500 || code == HttpStatusCode.TooManyRequests)
            throw new HttpRequestException($"it answers {(int)code}", null, code);
        string reason = code switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when _settings.Token is null =>
                "there is no such model, or it needs an access token: set HuggingFaceHubOptions.Token or the environment variable HF_TOKEN",
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden =>
                "the access token is not valid, or gives no access to this model: ask for it on the model's page",
            HttpStatusCode.NotFound => "there is no such model or revision",
            _ => "this answer is not expected",
        };
        throw new InvalidOperationException(
            $"The Hub answers {(int)code} for the model '{_repository.Name}' at '{_repository.Revision}': {reason}.");
    }

    /// <summary>The revision's folder where the Hub cannot be asked.</summary>
    /// <param name="reason">Why it cannot, as part of a sentence.</param>
    /// <param name="inner">What says so.</param>
    /// <exception cref="InvalidOperationException">The model is not on the disk.</exception>
    private string FindCached(string reason, Exception? inner)
    {
        string? commit = HubListing.CommitOf(_repository.Revision);
        string found = $"The model '{_repository.Name}' at '{_repository.Revision}' is not in '{_folder}'";
        if (File.Exists(ReferencePath))
        {
            commit = HubListing.CommitOf(ReadReference());
            if (commit is null)
                found += $" ('{ReferencePath}' has no commit; expected 40 to 64 hexadecimal digits)";
        }

        if (commit is not null && Path.Combine(_folder, commit) is var snapshot && Directory.Exists(snapshot) && IsComplete(snapshot))
            return snapshot;
        throw new InvalidOperationException($"{found}, and the Hub at {_settings.Endpoint} cannot be asked: {reason.TrimEnd('.')}.", inner);
    }

    private string ReadReference()
    {
        using FileStream stream = File.OpenRead(ReferencePath);
        byte[] bytes = new byte[MostReferenceBytes];
        return Encoding.ASCII.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).Trim();
    }

    // A commit may be on the disk by another revision's name, or because the user put it there.
    private bool IsComplete(string snapshot)
    {
        HashSet<string> names =
        [
            .. Directory.EnumerateFiles(snapshot, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(snapshot, path).Replace(Path.DirectorySeparatorChar, '/')),
        ];
        return _kinds.Any(kind => kind.Missing(names).Count == 0
            && kind.Select(names).Where(HubFiles.IsIndex).All(index => HubFiles.Shards(snapshot, index).All(names.Contains)));
    }

    private HttpClient CreateClient()
    {
        var sockets = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(15), AllowAutoRedirect = false };
        var client = new HttpClient(new HubRedirects(sockets)) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Microsoft.ML.Generative", null));
        if (_settings.Token is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _settings.Token);
        return client;
    }
}
