using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class HuggingFaceHubTests : IDisposable
{
    private const string Commit = HubServer.Commit;

    private readonly TemporaryFolder _cache = new();
    private readonly Dictionary<string, byte[]> _files;
    private readonly LanguageModelNetwork _network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);

    public HuggingFaceHubTests()
    {
        using var folder = new TemporaryFolder();
        PretrainedLanguageModel.Save(
            folder.Path, _network, TextCodec.Of(GenerativeTokenizers.CharacterLevel(["abcdefghij"], new() { EndOfTextToken = "<end>" })),
            new() { MaxTokens = 3 });
        _files = HubServer.FilesOf(folder.Path);
    }

    public void Dispose()
    {
        _network.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public async Task A_model_is_downloaded_once_loads_and_is_found_offline()
    {
        string folder;
        await using (ScriptedServer server = Serve())
        {
            folder = await DownloadAsync(server);
            int requests = server.Requests.Count;
            Assert.Equal(folder, await DownloadAsync(server));
            Assert.Equal(requests + 1, server.Requests.Count);
            Assert.DoesNotContain(server.Requests, r => r.Authorization is not null);
        }

        Assert.Equal(Path.Combine(_cache.Path, "some--model", Commit), folder);
        Assert.Equal(_files.Keys.Order(), Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order());
        using (LanguageModelTransformer model = new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(folder))
        {
            Assert.Equal(3, model.Codec.EncodePrompt(
                model.Generate("abc", new() { MaxTokens = 3, LogitBias = new Dictionary<int, float> { [10] = -100 } })).Length);
        }

        Assert.Equal(folder, await HuggingFaceHub.DownloadAsync("some/model", options: Options(new Uri("http://127.0.0.1:1"))));
        HuggingFaceHubOptions offline = Options(new Uri("http://127.0.0.1:1"));
        offline.Offline = true;
        Assert.Equal(folder, await HuggingFaceHub.DownloadAsync("some/model", options: offline));
        Assert.Equal(folder, await HuggingFaceHub.DownloadAsync("some/model", Commit, offline));
        var error =
            await Assert.ThrowsAsync<InvalidOperationException>(() => HuggingFaceHub.DownloadAsync("other/model", options: offline));
        Assert.Contains("'other/model'", error.Message);
    }

    [Fact]
    public async Task An_interrupted_download_goes_on_where_it_was_cut()
    {
        await using ScriptedServer server = Serve((request, connection, bytes) =>
            ScriptedServer.SendAsync(
                connection, request, bytes, stopAfter: request.Name == "model.safetensors" && request.From == 0 ? 1_000 : int.MaxValue));
        string folder = await DownloadAsync(server);
        Assert.Equal(_files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal([0, 1_000], server.Requests.Where(r => r.Name == "model.safetensors").Select(r => r.From));
    }

    [Theory]
    [InlineData("model.safetensors", "SHA-256")]
    [InlineData("config.json", "git blob")]
    public async Task A_file_with_another_hash_is_refused_and_the_revision_is_not_taken_for_complete(string damaged, string hash)
    {
        await using ScriptedServer server = Serve((request, connection, bytes) =>
        {
            byte[] sent = [.. bytes];
            if (request.Name == damaged)
                sent[^5] ^= 1;
            return ScriptedServer.SendAsync(connection, request, sent);
        });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => DownloadAsync(server));
        Assert.Contains($"'{damaged}'", error.Message);
        Assert.Contains(hash, error.Message);
        HuggingFaceHubOptions offline = Options(server.Address);
        offline.Offline = true;
        await Assert.ThrowsAsync<InvalidOperationException>(() => HuggingFaceHub.DownloadAsync("some/model", options: offline));
    }

    [Fact]
    public async Task The_token_is_sent_and_its_absence_explained()
    {
        await using ScriptedServer server = Serve(needsToken: true);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => DownloadAsync(server));
        Assert.Contains("HF_TOKEN", error.Message);
        HuggingFaceHubOptions options = Options(server.Address);
        options.Token = "secret";
        Assert.True(File.Exists(Path.Combine(await HuggingFaceHub.DownloadAsync("some/model", options: options), "config.json")));
    }

    [Fact]
    public async Task Files_that_lead_elsewhere_and_pickles_are_left()
    {
        await using ScriptedServer server = Serve(extra:
        [
            "../../evil.json", "/evil.json", "tokenizer/../../evil.json", "C:\\evil.json", "..\\evil.json", "pytorch_model.bin",
            "model.ckpt", "onnx/model.safetensors", "modeling.py", "consolidated.safetensors", ".hidden.json", "other/tokenizer.json",
        ]);
        string folder = await DownloadAsync(server);
        Assert.Equal(_files.Keys.Order(), Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order());
        Assert.DoesNotContain(
            Directory.EnumerateFiles(_cache.Path, "*", SearchOption.AllDirectories), p => p.Contains("evil", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"sha\":\"../../x\",\"siblings\":[]}")]
    [InlineData("{\"sha\":\"0123456789abcdef0123456789abcdef01234567\",\"siblings\":[]}")]
    [InlineData("{\"sha\":\"0123456789abcdef0123456789abcdef01234567\",\"siblings\":[{\"rfilename\":\"a.safetensors\"}]}")]
    [InlineData("{\"sha\":\"0123456789abcdef0123456789abcdef01234567\",\"siblings\":[{\"rfilename\":\"a.safetensors\",\"size\":3}]}")]
    [InlineData("not json")]
    public async Task An_answer_that_is_no_list_is_refused(string answer)
    {
        await using ScriptedServer server = new((request, _, connection) =>
            ScriptedServer.SendAsync(connection, request, Encoding.UTF8.GetBytes(answer)));
        await Assert.ThrowsAsync<InvalidDataException>(() => DownloadAsync(server));
    }

    [Theory]
    [InlineData("a/b/c", "main")]
    [InlineData("../secret", "main")]
    [InlineData("a/..", "main")]
    [InlineData("", "main")]
    [InlineData("a/b", "../../x")]
    [InlineData("a/b", "x?y")]
    public async Task Names_that_are_none_are_refused(string repository, string revision) =>
        await Assert.ThrowsAnyAsync<ArgumentException>(() => HuggingFaceHub.DownloadAsync(repository, revision));

    [Fact]
    public async Task Only_https_is_spoken_to_other_machines() =>
        await Assert.ThrowsAsync<ArgumentException>(() =>
            HuggingFaceHub.DownloadAsync("a/b", options: Options(new Uri("http://example.org"))));

    [Fact]
    public async Task A_file_on_the_disk_with_another_hash_is_downloaded_again_and_one_with_its_hash_is_not()
    {
        await using ScriptedServer server = Serve();
        string folder = await DownloadAsync(server);
        string damaged = Path.Combine(folder, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(damaged);
        bytes[^5] ^= 1;
        File.WriteAllBytes(damaged, bytes);
        server.Requests.Clear();
        await DownloadAsync(server);
        Assert.Equal(_files["model.safetensors"], File.ReadAllBytes(damaged));
        Assert.Equal(["model.safetensors"], server.Requests.Skip(1).Select(r => r.Name));
    }

    [Fact]
    public async Task Hashes_and_commits_in_capitals_are_the_same_and_a_large_files_own_size_counts_where_the_entry_has_none()
    {
        var hub = new HubServer(_files);
        JsonNode listing = JsonNode.Parse(hub.Listing())!;
        listing["sha"] = Commit.ToUpperInvariant();
        foreach (JsonNode? file in listing["siblings"]!.AsArray())
        {
            file!["blobId"] = ((string)file["blobId"]!).ToUpperInvariant();
            if (file["lfs"] is { } lfs)
            {
                lfs["sha256"] = ((string)lfs["sha256"]!).ToUpperInvariant();
                file["size"] = null;
            }
        }

        await using ScriptedServer server = new((request, _, connection) => ScriptedServer.SendAsync(
            connection, request, request.Path.Contains(
                "/api/", StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(listing.ToJsonString()) : _files[request.Name]));
        string folder = await DownloadAsync(server);
        Assert.Equal(Path.Combine(_cache.Path, "some--model", Commit), folder);
        HuggingFaceHubOptions offline = Options(server.Address);
        offline.Offline = true;
        Assert.Equal(folder, await HuggingFaceHub.DownloadAsync("some/model", Commit.ToUpperInvariant(), offline));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("\"12\"")]
    [InlineData("1.5")]
    [InlineData("-1")]
    [InlineData("1e400")]
    public async Task A_size_that_is_none_is_refused_before_the_first_file_is_downloaded(string size)
    {
        string listing = Encoding.UTF8.GetString(new HubServer(_files).Listing());
        string changed = System.Text.RegularExpressions.Regex.Replace(
            listing, "(\"tokenizer_config.json\",\"size\":)\\d+", $"${{1}}{size}");
        Assert.NotEqual(listing, changed);
        await using ScriptedServer server = new((request, _, connection) =>
            ScriptedServer.SendAsync(connection, request, Encoding.UTF8.GetBytes(changed)));
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => DownloadAsync(server));
        Assert.Contains("no valid size for 'tokenizer_config.json'", error.Message);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../../elsewhere")]
    [InlineData("main")]
    public async Task A_reference_that_holds_no_commit_is_named(string content)
    {
        await using ScriptedServer server = Serve();
        string folder = await DownloadAsync(server);
        string reference = Path.Combine(_cache.Path, "some--model", "refs", "main");
        HuggingFaceHubOptions offline = Options(server.Address);
        offline.Offline = true;
        File.WriteAllText(reference, Commit + "\n");
        Assert.Equal(folder, await HuggingFaceHub.DownloadAsync("some/model", options: offline));
        File.WriteAllText(reference, content);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => HuggingFaceHub.DownloadAsync("some/model", options: offline));
        Assert.Contains($"'{reference}' has no commit", error.Message);
    }

    private Task<string> DownloadAsync(ScriptedServer server) =>
        HuggingFaceHub.DownloadAsync("some/model", options: Options(server.Address));

    private HuggingFaceHubOptions Options(Uri address) =>
        new() { CacheDirectory = _cache.Path, Endpoint = address, Token = null, Offline = false };

    private ScriptedServer Serve(
        Func<ScriptedServer.Request, Stream, byte[], Task>? send = null, bool needsToken = false, string[]? extra = null) =>
        new HubServer(_files) { Send = send, NeedsToken = needsToken, Extra = extra ?? [] }.Start();
}
