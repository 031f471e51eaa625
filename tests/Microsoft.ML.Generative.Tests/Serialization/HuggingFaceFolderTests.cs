using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class HuggingFaceFolderTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private HuggingFaceFolder Folder => HuggingFaceFolder.Open(_temporary.Path, "tests");

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("v1-5.ckpt")]
    [InlineData("model.PT")]
    [InlineData("consolidated.00.pth")]
    [InlineData("model.pkl")]
    public void Pickles_are_refused_by_name(string name)
    {
        File.WriteAllBytes(_temporary.File("optimizer.pt"), [1]);
        File.WriteAllBytes(_temporary.File(name), [1, 2, 3]);
        string message = Assert.Throws<InvalidDataException>(() => Folder.OpenWeights()).Message;
        Assert.Contains("'model.safetensors'", message);
        Assert.Contains($"'{name}', a Python pickle", message);
    }

    [Fact]
    public void Weights_beside_a_pickle_are_opened_under_the_name_asked_for()
    {
        File.WriteAllBytes(_temporary.File("adapter_model.bin"), [1]);
        using torch.Tensor ones = torch.ones(2);
        Folder.WriteWeights([("a", ones)], "adapter_model");
        using ISafetensorsReader weights = Folder.OpenWeights("adapter_model");
        Assert.Equal(["a"], weights.Tensors.Keys);
        Assert.Equal("pt", weights.Metadata["format"]);
    }

    [Fact]
    public void A_folder_without_weights_says_what_was_looked_for() => Assert.Contains(
        "neither 'encoder.safetensors' nor 'encoder.safetensors.index.json'",
        Assert.Throws<FileNotFoundException>(() => Folder.OpenWeights("encoder")).Message);

    [Fact]
    public void Weights_are_copied_into_views_and_converted()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor matrix = torch.arange(6, torch.float32).view(2, 3), kernel = torch.arange(4, torch.bfloat16).view(2, 2, 1, 1);
        Folder.WriteWeights([("matrix", matrix), ("kernel", kernel), ("buffer", torch.ones(1))]);
        torch.Tensor own = torch.zeros(3, 2), linear = torch.zeros(2, 2);
        var destinations = new Dictionary<string, torch.Tensor> { ["matrix"] = own.t(), ["kernel"] = linear };
        using ISafetensorsReader weights = Folder.OpenWeights();
        HuggingFaceFolder.CopyWeights(weights, destinations, name => name == "buffer", acceptsPointwiseConvolutions: true);
        Assert.Equal([0, 3, 1, 4, 2, 5], own.data<float>());
        Assert.Equal([0, 1, 2, 3], linear.data<float>());

        string message = Assert.Throws<InvalidDataException>(() => HuggingFaceFolder.CopyWeights(weights, destinations)).Message;
        Assert.Contains("1 unexpected: 'buffer'", message);
        Assert.Contains("'kernel' (found BF16 [2, 2, 1, 1], expected F32 [2, 2])", message);
    }

    [Fact]
    public void Missing_tensors_are_named_and_nothing_is_copied()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Folder.WriteWeights([("a", torch.ones(2))]);
        torch.Tensor a = torch.zeros(2);
        using ISafetensorsReader weights = Folder.OpenWeights();
        var destinations = new Dictionary<string, torch.Tensor> { ["a"] = a, ["b"] = torch.zeros(2) };
        string message = Assert.Throws<InvalidDataException>(() => HuggingFaceFolder.CopyWeights(weights, destinations)).Message;
        Assert.Contains("1 missing: b", message);
        Assert.Equal([0, 0], a.data<float>());
    }

    [Fact]
    public void Fewer_elements_than_parameters_are_refused_however_many_those_are()
    {
        using torch.Tensor two = torch.ones(2, torch.float16), one = torch.ones(1, torch.float16);
        Folder.WriteWeights([("a", two), ("b", one)]);
        using ISafetensorsReader weights = Folder.OpenWeights();
        HuggingFaceFolder.CheckSize(weights, "config.json", () => new TinyNetwork(2, 1), _ => { });
        foreach ((int inputs, int outputs) in ((int, int)[])[(3, 1), (1_000_000, 1_000_000), (int.MaxValue, int.MaxValue)])
        {
            string message = Assert.Throws<InvalidDataException>(
                () => HuggingFaceFolder.CheckSize(weights, "config.json", () => new TinyNetwork(inputs, outputs), _ => { })).Message;
            Assert.Contains("model.safetensors' has 3 elements; the network of 'config.json' has more parameters", message);
        }
    }

    [Fact]
    public void A_component_is_in_its_sub_folder_or_in_the_folder_itself()
    {
        Folder.WriteJson("config.json", new JsonObject { ["where"] = "root" });
        Assert.Equal("root", Folder.Component("unet", "config.json").ReadJson("config.json", json => json.Text("where")));
        Folder.CreateComponent("unet").WriteJson("config.json", new JsonObject { ["where"] = "unet" });
        Assert.Equal("unet", Folder.Component("unet", "config.json").ReadJson("config.json", json => json.Text("where")));
        string message = Assert.Throws<FileNotFoundException>(() => Folder.Component("vae", "vae.json")).Message;
        Assert.Contains("neither 'vae/vae.json' nor 'vae.json'", message);
        Assert.Contains("layout of tests", message);
        Assert.Throws<DirectoryNotFoundException>(() => HuggingFaceFolder.Open(_temporary.File("nowhere"), "tests"));
    }
}
