using Microsoft.ML.Data;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>From the Hub to a loaded model, for each kind of model and each layout of its repository.</summary>
public sealed class DownloadedModelTests : IDisposable
{
    private const string UNetWeights = "unet/diffusion_pytorch_model.safetensors";

    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _saved = new();
    private readonly TemporaryFolder _cache = new();

    public void Dispose()
    {
        _saved.Dispose();
        _cache.Dispose();
    }

    [Theory]
    [InlineData("gpt, tanh gelu", false)]
    [InlineData("llama", true)]
    public async Task A_language_model(string architecture, bool hasShards)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[architecture]);
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.CharacterLevel(["abcdefghij"], new() { EndOfTextToken = "<end>" }));
        PretrainedLanguageModel.Save(_saved.Path, network, codec, new());
        if (hasShards)
            Divide("model.safetensors");

        (string folder, IReadOnlyList<string> files) = await DownloadAsync(
            ["pytorch_model.bin", "onnx/model.safetensors", "original/tokenizer.model"]);
        Assert.Equal(HubServer.FilesOf(_saved.Path).Keys.Order(), files);
        Assert.Equal(hasShards, files.Contains("model.safetensors.index.json"));
        using LanguageModelTransformer model = _ml.Generative().LoadPretrainedLanguageModel(folder);
        Assert.Equal(
            LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens),
            LanguageModelNetworkTests.Logits(model.Network, TinyLanguageModels.Tokens));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_diffusion_pipeline_with_sub_folders(bool hasShards)
    {
        using DiffusionTransformer saved = SaveDiffusion();
        if (hasShards)
            Divide(UNetWeights);
        (string folder, IReadOnlyList<string> files) = await DownloadAsync(
            ["unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.safetensors", "vae/config.json"]);
        Assert.Equal(HubServer.FilesOf(_saved.Path).Keys.Order(), files);
        AssertGeneratesTheSame(saved, folder);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_diffusion_pipeline_without_sub_folders(bool hasIndex)
    {
        using DiffusionTransformer saved = SaveDiffusion();
        foreach (string path in (string[])["unet/config.json", UNetWeights, "scheduler/scheduler_config.json"])
            File.Move(_saved.File(path), _saved.File(Path.GetFileName(path)));
        if (!hasIndex)
            File.Delete(_saved.File("model_index.json"));
        (string folder, IReadOnlyList<string> files) = await DownloadAsync(["diffusion_pytorch_model.bin", "images/generated.png"]);
        Assert.Equal(HubServer.FilesOf(_saved.Path).Keys.Order(), files);
        AssertGeneratesTheSame(saved, folder);
    }

    [Fact]
    public async Task An_interrupted_shard_in_a_sub_folder_is_resumed_and_the_model_is_offline_only_then()
    {
        using DiffusionTransformer saved = SaveDiffusion();
        Divide(UNetWeights);
        bool isCut = true;
        await using ScriptedServer server = new HubServer(HubServer.FilesOf(_saved.Path))
        {
            Send = (request, connection, bytes) => ScriptedServer.SendAsync(
                connection, request, bytes, isCut && request.Name.Contains("-00002-of-", StringComparison.Ordinal) ? 0 : int.MaxValue),
        }.Start();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => DownloadAsync(server));
        Assert.Contains("'unet/diffusion_pytorch_model-00002-of-", error.Message);
        HuggingFaceHubOptions offline = Options(server.Address, offline: true);
        foreach (string revision in (string[])["main", HubServer.Commit])
        {
            await Assert.ThrowsAsync<InvalidOperationException>(
                () => HuggingFaceHub.DownloadAsync(HubServer.Repository, revision, offline));
        }

        isCut = false;
        string folder = await DownloadAsync(server);
        Assert.Single(server.Requests, r => r.Name.Contains("-00001-of-", StringComparison.Ordinal));
        Assert.Equal(folder, await HuggingFaceHub.DownloadAsync(HubServer.Repository, HubServer.Commit, offline));
        AssertGeneratesTheSame(saved, folder);
    }

    [Fact]
    public async Task A_shard_that_the_index_names_and_the_Hub_lacks_is_named()
    {
        using DiffusionTransformer saved = SaveDiffusion();
        Divide(UNetWeights);
        string shard = Directory.EnumerateFiles(_saved.File("unet"), "*-00002-of-*").Single();
        File.Delete(shard);
        await using ScriptedServer server = new HubServer(HubServer.FilesOf(_saved.Path)).Start();
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => DownloadAsync(server));
        Assert.Contains($"'unet/{Path.GetFileName(shard)}', which is not on the Hub", error.Message);
    }

    [Fact]
    public async Task A_repository_with_pickles_alone_is_refused_with_what_each_kind_of_model_lacks()
    {
        using (DiffusionTransformer saved = SaveDiffusion())
            File.Move(_saved.File(UNetWeights), _saved.File("unet/diffusion_pytorch_model.bin"));
        await using ScriptedServer server = new HubServer(HubServer.FilesOf(_saved.Path)).Start();
        string message = (await Assert.ThrowsAsync<InvalidDataException>(() => DownloadAsync(server))).Message;
        Assert.Contains("as a language model, it lacks 'config.json', 'model.safetensors' or 'model.safetensors.index.json'", message);
        Assert.Contains($"as a diffusion pipeline with sub-folders, it lacks '{UNetWeights}' or '{UNetWeights}.index.json'", message);
        Assert.Contains("'unet/diffusion_pytorch_model.bin', a Python pickle", message);
    }

    private DiffusionTransformer SaveDiffusion()
    {
        DiffusionOptions options = TinyDiffusion.Options();
        options.MaxSteps = 3;
        DiffusionTransformer model = _ml.Transforms.Generative().Diffusion(options).Fit(TinyImages.AsVectors(_ml, 24));
        model.SavePretrained(_saved.Path);
        return model;
    }

    // Writes a file again as several with an index.
    private void Divide(string file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        string path = _saved.File(file);
        List<(string, torch.Tensor)> tensors;
        using (var whole = SafetensorsFile.Open(path))
            tensors = [.. whole.Names.Select(name => (name, whole.Read(name)))];
        long bytes = tensors.Sum(t => t.Item2.numel() * sizeof(float));
        SafetensorsShards.Write(
            Path.GetDirectoryName(path)!, tensors, maxShardBytes: bytes / 3, name: Path.GetFileNameWithoutExtension(path));
        Assert.False(File.Exists(path));
    }

    private void AssertGeneratesTheSame(DiffusionTransformer expected, string folder)
    {
        using DiffusionTransformer loaded = _ml.Generative().LoadPretrainedDiffusion(folder);
        Assert.Equal(Generate(expected), Generate(loaded));

        static float[][] Generate(DiffusionTransformer model) =>
            [.. model.Generate(2, new() { Seed = 1, Steps = 3 }).GetColumn<float[]>("Generated")];
    }

    private async Task<(string Folder, IReadOnlyList<string> Files)> DownloadAsync(string[] extra)
    {
        await using ScriptedServer server = new HubServer(HubServer.FilesOf(_saved.Path)) { Extra = extra }.Start();
        string folder = await DownloadAsync(server);
        return (folder, [.. HubServer.FilesOf(folder).Keys.Order()]);
    }

    private Task<string> DownloadAsync(ScriptedServer server) =>
        HuggingFaceHub.DownloadAsync(HubServer.Repository, options: Options(server.Address));

    private HuggingFaceHubOptions Options(Uri address, bool offline = false) =>
        new() { CacheDirectory = _cache.Path, Endpoint = address, Offline = offline };
}
