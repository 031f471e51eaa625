using System.Diagnostics;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

public sealed class RegularFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_and_a_link_to_one_are_opened()
    {
        File.WriteAllText(_folder.File("a"), "x");
        File.CreateSymbolicLink(_folder.File("b"), _folder.File("a"));
        foreach (string name in (string[])["a", "b"])
        {
            using FileStream stream = RegularFile.OpenRead(_folder.File(name));
            Assert.Equal('x', stream.ReadByte());
        }
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("generation_config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("special_tokens_map.json")]
    [InlineData("chat_template.jinja")]
    [InlineData("model.safetensors")]
    [InlineData("model.safetensors.index.json")]
    public async Task A_pipe_in_a_model_s_folder_is_refused_by_name(string name)
    {
        if (OperatingSystem.IsWindows())
            return;
        using var network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        PretrainedFolderTests.Save(_folder.Path, network);
        if (name.EndsWith(".index.json", StringComparison.Ordinal))
            File.Delete(_folder.File("model.safetensors"));
        File.Delete(_folder.File(name));
        MakePipe(_folder.File(name));
        Task<Exception> error = Task.Run(() =>
            Assert.ThrowsAny<Exception>(() => new MLContext().Generative().LoadPretrainedLanguageModel(_folder.Path)));
        Assert.Contains(name, (await error.WaitAsync(TimeSpan.FromSeconds(20))).Message);
    }

    [Fact]
    public async Task A_pipe_in_place_of_a_single_file_is_refused_by_name()
    {
        if (OperatingSystem.IsWindows())
            return;
        MakePipe(_folder.File("model.bin"));
        MakePipe(_folder.File("tokenizer.json"));
        GenerativeCatalog catalog = new MLContext().Generative();
        foreach ((string name, Action load) in ((string, Action)[])[
            ("model.bin", () => catalog.LoadPretrainedLanguageModel(_folder.File("model.bin"), _folder.File("tokenizer.json"))),
            ("model.bin", () => catalog.LoadModel(_folder.File("model.bin"), out _)),
            ("tokenizer.json", () => Tokenizers.GenerativeTokenizers.FromFile(_folder.File("tokenizer.json")))])
            Assert.Contains(
                name, (await Task.Run(() => Assert.Throws<InvalidDataException>(load)).WaitAsync(TimeSpan.FromSeconds(20))).Message);
    }

    [Fact]
    public void A_link_to_a_device_is_refused()
    {
        if (OperatingSystem.IsWindows())
            return;
        File.CreateSymbolicLink(_folder.File("config.json"), "/dev/zero");
        Assert.Contains(
            "config.json", Assert.Throws<InvalidDataException>(() => RegularFile.OpenRead(_folder.File("config.json"))).Message);
    }

    private static void MakePipe(string path)
    {
        using Process process = Process.Start("mkfifo", [path]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
