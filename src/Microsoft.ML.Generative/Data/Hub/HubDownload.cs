using System.Net;
using System.Net.Http.Headers;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>One call of <see cref="HuggingFaceHub.DownloadAsync"/>.</summary>
internal sealed class HubDownload
{
    private const int MostListingBytes = ModelConfigJson.MaxBytes;
    private const string References = "refs";

    private static readonly Uri _hub = new("https://huggingface.co");
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly HubRepository _repository;
    private readonly HuggingFaceHubOptions _options;
    private readonly string _folder;
    private readonly Uri _endpoint;
    private readonly string? _token;
    private readonly bool _isOffline;

    public HubDownload(HubRepository repository, HuggingFaceHubOptions options)
    {
        (_repository, _options) = (repository, options);
        string cache = options.CacheDirectory
            ?? Path.Combine(GenerativeCatalog.DefaultDataDirectory(Environment.GetEnvironmentVariable(GenerativeCatalog.DataDirectoryVariable)), "models");
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
        string commit;
        IReadOnlyList<DatasetFile> files;
        try
        {
            (commit, files) = _repository.ReadListing(await ListAsync(client, cancellation).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException { StatusCode: null } or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            return FindCached() ?? throw Unavailable(e.Message, e);
        }

        string snapshot = Path.Combine(_folder, commit);
        var downloader = new DatasetDownloader(client, _patience);
        foreach (DatasetFile file in files)
            await FetchAsync(downloader, commit, file, Path.Combine(snapshot, file.Name), cancellation).ConfigureAwait(false);

        // Only now: a revision that is named here is complete.
        Directory.CreateDirectory(Path.GetDirectoryName(ReferencePath)!);
        AtomicFile.Write(ReferencePath, stream => stream.Write(System.Text.Encoding.ASCII.GetBytes(commit)));
        return snapshot;
    }

    private async Task FetchAsync(DatasetDownloader downloader, string commit, DatasetFile file, string path, CancellationToken cancellation)
    {
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

            await downloader.DownloadAsync(_repository.File(_endpoint, commit, file.Name), file, path, _options.Progress, cancellation).ConfigureAwait(false);
        }
        catch (DownloadException e)
        {
            throw new InvalidOperationException($"'{file.Name}' of the model '{_repository.Name}' could not be downloaded: {e.Message}.", e);
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
        if (File.Exists(ReferencePath))
            return Path.Combine(_folder, File.ReadAllText(ReferencePath));
        string commit = Path.Combine(_folder, _repository.Revision);
        return _repository.Revision != References && File.Exists(Path.Combine(commit, HuggingFaceConfig.FileName)) ? commit : null;
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
