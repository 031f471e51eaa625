using System.Text;
using Microsoft.ML.Generative.Data.Hub;

namespace Microsoft.ML.Generative.Tests;

public sealed class HubFilesTests
{
    private static readonly HubFiles _encoder = new("a text encoder")
    {
        Required = ["config.json", "1_Pooling/config.json"],
        Weights = ["model"],
        Optional = ["tokenizer/*.json", "*.txt"],
    };

    [Fact]
    public void Files_are_selected_by_path_and_by_pattern_and_patterns_stay_in_their_folder()
    {
        HashSet<string> names =
        [
            "model.safetensors", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
            "config.json", "1_Pooling/config.json", "2_Dense/config.json", "tokenizer/tokenizer.json",
            "tokenizer/old/tokenizer.json", "vocab.txt", "onnx/vocab.txt", "README.md",
        ];
        Assert.Empty(_encoder.Missing(names));
        Assert.Equal(
            ["config.json", "1_Pooling/config.json", "tokenizer/tokenizer.json", "vocab.txt", "model.safetensors"],
            _encoder.Select(names));
        names.Remove("model.safetensors");
        Assert.Equal("model.safetensors.index.json", _encoder.Select(names).Last());
    }

    [Fact]
    public void Missing_files_are_named() => Assert.Equal(
        ["'1_Pooling/config.json'", "'model.safetensors' or 'model.safetensors.index.json'"],
        _encoder.Missing(new HashSet<string> { "config.json" }));

    [Theory]
    [InlineData("config.json", true)]
    [InlineData("1_Pooling/config.json", true)]
    [InlineData("a/b/c/model-00001-of-00002.safetensors", true)]
    [InlineData("", false)]
    [InlineData("/etc/passwd.json", false)]
    [InlineData("unet//config.json", false)]
    [InlineData("unet/", false)]
    [InlineData("../config.json", false)]
    [InlineData("unet/../config.json", false)]
    [InlineData("unet/./config.json", false)]
    [InlineData("unet./config.json", false)]
    [InlineData("unet\\config.json", false)]
    [InlineData("C:/config.json", false)]
    [InlineData("unet/config.json:stream", false)]
    [InlineData("~/config.json", false)]
    [InlineData(".git/config.json", false)]
    [InlineData("unet/nul.json", false)]
    [InlineData("COM1/config.json", false)]
    [InlineData("unet/config.json\n", false)]
    [InlineData("a/b/c/d/e/f/g/h/i.json", false)]
    public void Paths_from_the_server_stay_in_the_models_folder(string path, bool isSafe) => Assert.Equal(isSafe, HubListing.IsSafe(path));

    [Fact]
    public void Long_paths_are_refused()
    {
        Assert.False(HubListing.IsSafe(new string('a', 129)));
        Assert.True(HubListing.IsSafe($"{new string('a', 120)}/{new string('b', 120)}"));
        Assert.False(HubListing.IsSafe($"{new string('a', 128)}/{new string('b', 127)}"));
    }

    [Fact]
    public void Neither_pickles_nor_code_can_be_asked_for()
    {
        string[] names = ["m.bin", "m.ckpt", "m.pt", "m.py", "m.json"];
        string files = string.Join(',', names.Select(name => $$"""{"rfilename":"{{name}}"}"""));
        var listing = new HubListing("a/b", Encoding.UTF8.GetBytes($$"""{"sha":"{{HubServer.Commit}}","siblings":[{{files}}]}"""));
        Assert.Equal(["m.json"], listing.Names);
        Assert.Equal("m.bin", listing.Pickle);
    }
}
