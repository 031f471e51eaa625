using System.Net;
using System.Net.Http.Headers;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>One call of <see cref="HuggingFaceHub.DownloadAsync"/>.</summary>
internal sealed class HubDownload
{
    private const int MostListingBytes = ModelConfigJson.MaxBytes;
    private const string References = "refs";

    private static readonly Uri _hub = new("https://huggingface.co");
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly HubRepository _repository;
    private readonly IReadOnlyList<HubFiles> _kinds;
    private readonly HuggingFaceHubOptions _options;
    private readonly string _folder;
    private readonly Uri _endpoint;
    private readonly string? _token;
    private readonly bool _isOffline;

    /// <param name="repository">The model.</param>
    /// <param name="kinds">
    /// The kinds of model that the caller can load. A repository that is complete for several gets the files of each.
    /// </param>
    /// <param name="cache">The folder that models are kept in.</param>
    /// <param name="options">Addresses, token and progress.</param>
    public HubDownload(HubRepository repository, IReadOnlyList<HubFiles> kinds, string cache, HuggingFaceHubOptions options)
    {
        (_repository, _kinds, _options) = (repository, kinds, options);
        _folder = Path.Combine(cache, repository.FolderName);
        _endpoint = options.Endpoint ?? (Variable("HF_ENDPOINT") is { } address ? new Uri(address) : _hub);
        if (_endpoint.Scheme != Uri.UriSchemeHttps && !_endpoint.IsLoopback)
            throw new ArgumentException($"The Hub's address is '{_endpoint}'; expected one that begins with https.", nameof(options));
        _token = options.Token ?? Variable("HF_TOKEN");
        _isOffline = options.Offline ?? Variable("HF_HUB_OFFLINE") == "1";
    }

    private string ReferencePath => Path.Combine(_folder, References, _repository.ReferenceName);

    public async Task<string> RunAsync(CancellationToken cancellation)
    {
        if (_isOffline)
            return FindCached() ?? throw Unavailable("offline mode is on", null);

        using HttpClient client = CreateClient();
        HubListing listing;
        try
        {
            listing = new HubListing(_repository.Name, await ListAsync(client, cancellation).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException { StatusCode: null } or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            return FindCached() ?? throw Unavailable(e.Message, e);
        }

        string snapshot = Path.Combine(_folder, listing.Commit);
        var downloader = new DatasetDownloader(client, _patience);
        foreach (string name in Select(listing))
        {
            await FetchAsync(downloader, listing, name, snapshot, cancellation).ConfigureAwait(false);
            foreach (string shard in HubFiles.IsIndex(name) ? HubFiles.Shards(snapshot, name) : [])
            {
                if (!listing.Names.Contains(shard))
                {
                    throw new InvalidDataException(
                        $"'{name}' of the model '{_repository.Name}' names the file '{shard}', which is not on the Hub.");
                }

                await FetchAsync(downloader, listing, shard, snapshot, cancellation).ConfigureAwait(false);
            }
        }

        // Only now: a revision that is named here is complete.
        Directory.CreateDirectory(Path.GetDirectoryName(ReferencePath)!);
        AtomicFile.Write(ReferencePath, stream => stream.Write(System.Text.Encoding.ASCII.GetBytes(listing.Commit)));
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
        DatasetDownloader downloader, HubListing listing, string name, string snapshot, CancellationToken cancellation)
    {
        DatasetFile file = listing.File(name);
        string path = Path.Combine([snapshot, .. name.Split('/')]);
        // What has its name has been checked, or was put there by the user: its size tells whether it is the one.
        if (File.Exists(path) && new FileInfo(path).Length == file.Size)
            return;
        try
        {
            if (file.Size == 0)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllBytesAsync(path, [], cancellation).ConfigureAwait(false);
                return;
            }

            Uri address = _repository.File(_endpoint, listing.Commit, name);
            await downloader.DownloadAsync(address, file, path, _options.Progress, cancellation).ConfigureAwait(false);
        }
        catch (DownloadException e)
        {
            throw new InvalidOperationException($"'{name}' of the model '{_repository.Name}' could not be downloaded: {e.Message}.", e);
        }
    }

    private async Task<byte[]> ListAsync(HttpClient client, CancellationToken cancellation)
    {
        Uri address = _repository.Listing(_endpoint);
        using HttpResponseMessage response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellation)
            .WaitAsync(_patience, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"The Hub answers {(int)response.StatusCode} for the model '{_repository.Name}' at '{_repository.Revision}': {Reason(response.StatusCode)}.");
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        return BoundedRead.All(body, address.ToString(), MostListingBytes);
    }

    private string Reason(HttpStatusCode code) => code switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when _token is null =>
            "there is no such model, or it needs an access token: set HuggingFaceHubOptions.Token or the environment variable HF_TOKEN",
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => "the access token does not open it: ask for access on the model's page",
        HttpStatusCode.NotFound => "there is no such model or revision",
        _ => "try again later",
    };

    private string? FindCached()
    {
        string commit = File.Exists(ReferencePath) ? File.ReadAllText(ReferencePath) : _repository.Revision;
        string snapshot = Path.Combine(_folder, commit);
        return HubListing.IsCommit(commit) && Directory.Exists(snapshot) && IsComplete(snapshot) ? snapshot : null;
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

    private InvalidOperationException Unavailable(string reason, Exception? inner) => new(
        $"The model '{_repository.Name}' at '{_repository.Revision}' is not in '{_folder}', and the Hub at {_endpoint} cannot be asked: {reason}.", inner);

    private HttpClient CreateClient()
    {
        // Redirects lead to other hosts; .NET leaves the token out there.
        var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(15) }) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Microsoft.ML.Generative", null));
        if (_token is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        return client;
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
