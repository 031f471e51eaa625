using System.Text;
using System.Text.Json;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SafetensorsIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private string Write(long maxShardBytes = 100)
    {
        TorchRuntime.EnsureLoaded();
        return SafetensorsIndex.Write(_folder.Path, "model",
        [
            ("a", torch.arange(10, torch.float32)), ("b", torch.arange(12, torch.float32)), ("c", torch.arange(50, torch.float32)), ("d", torch.tensor(new long[] { 7 })),
        ], maxShardBytes);
    }

    [Fact]
    public void Tensors_are_divided_and_come_back_whole()
    {
        string path = Write();
        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"],
            Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());
        using (JsonDocument json = JsonDocument.Parse(File.ReadAllText(path)))
        {
            Assert.Equal((10 + 12 + 50) * 4 + 8, json.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
            Assert.Equal("model-00002-of-00003.safetensors", json.RootElement.GetProperty("weight_map").GetProperty("c").GetString());
        }

        using SafetensorsIndex index = SafetensorsIndex.Open(path);
        var read = new Dictionary<string, torch.Tensor> { ["c"] = torch.zeros(50), ["d"] = torch.zeros(1, torch.int64), ["a"] = torch.zeros(10) };
        index.ReadInto(read);
        Assert.Equal([.. Enumerable.Range(0, 50).Select(i => (float)i)], read["c"].data<float>().ToArray());
        Assert.Equal(7, read["d"].item<long>());
        Assert.Equal(9, read["a"][9].item<float>());
    }

    [Fact]
    public void A_network_loads_from_an_index_as_from_one_file()
    {
        TorchRuntime.EnsureLoaded();
        using TorchSharp.Modules.Linear first = torch.nn.Linear(3, 2);
        using TorchSharp.Modules.Linear second = torch.nn.Linear(3, 2);
        using SafetensorsIndex index = SafetensorsIndex.Open(SafetensorsIndex.Write(_folder.Path, "m", ModuleWeights.Of(first), 8));
        ModuleWeights.Load(second, index);
        Assert.Equal(Toys.Numbers(first), Toys.Numbers(second));
    }

    [Fact]
    public void Bytes_laid_out_by_hand_are_read()
    {
        void Shard(string file, string json, float value)
        {
            byte[] header = Encoding.UTF8.GetBytes(json);
            File.WriteAllBytes(_folder.File(file), [.. BitConverter.GetBytes((long)header.Length), .. header, .. BitConverter.GetBytes(value)]);
        }

        Shard("x-1.safetensors", """{"p":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 1.5f);
        Shard("x-2.safetensors", """{"q":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", -2);
        File.WriteAllText(_folder.File("i.json"), """{"metadata":{"total_size":8},"weight_map":{"q":"x-2.safetensors","p":"x-1.safetensors"}}""");
        using SafetensorsIndex index = SafetensorsIndex.Open(_folder.File("i.json"));
        torch.Tensor q = torch.tensor(0f);
        index.ReadInto(new Dictionary<string, torch.Tensor> { ["q"] = q });
        Assert.Equal(-2, q.item<float>());
    }

    [Theory]
    [InlineData("\"c\":\"model-00002-of-00003.safetensors\"", "\"c\":\"../model.safetensors\"", "expected the plain name")]
    [InlineData("\"c\":\"model-00002-of-00003.safetensors\"", "\"c\":\"/etc/passwd\"", "expected the plain name")]
    [InlineData("\"c\":\"model-00002-of-00003.safetensors\"", "\"c\":7", "expected the plain name")]
    [InlineData("\"c\":\"model-00002-of-00003.safetensors\"", "\"c\":\"model-00001-of-00003.safetensors\"", "which does not have it")]
    [InlineData("\"c\":\"model-00002-of-00003.safetensors\"", "\"a\":\"model-00002-of-00003.safetensors\"", "not well-formed")]
    [InlineData("\"total_size\":296", "\"total_size\":5", "promises 5 bytes")]
    [InlineData("\"weight_map\"", "\"map\"", "no object 'weight_map'")]
    [InlineData("\"a\":\"model-00001-of-00003.safetensors\",", "", "which the index does not place there")]
    public void A_wrong_index_is_refused_with_the_reason(string original, string change, string message)
    {
        string path = Write();
        string json = JsonSerializer.Serialize(JsonDocument.Parse(File.ReadAllText(path)).RootElement);
        Assert.Contains(original, json);
        File.WriteAllText(path, json.Replace(original, change, StringComparison.Ordinal));
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => SafetensorsIndex.Open(path)).Message);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        string path = Write();
        File.Delete(_folder.File("model-00002-of-00003.safetensors"));
        Assert.Contains("model-00002", Assert.Throws<FileNotFoundException>(() => SafetensorsIndex.Open(path)).Message);
    }
}
