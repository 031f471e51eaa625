using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed partial class SafetensorsShardsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public SafetensorsShardsTests() => TorchRuntime.EnsureLoaded();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Tensors_are_divided_by_size_under_the_published_names_with_an_index()
    {
        SafetensorsShards.Write(
            _folder.Path, [("d", Bytes(3)), ("a", Bytes(10)), ("b", Bytes(4)), ("c", Bytes(4))], maxShardBytes: 8,
            new Dictionary<string, string> { ["format"] = "pt" });

        Assert.Equal(
            [
                "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
                "model.safetensors.index.json",
            ],
            Files());
        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(_folder.File("model.safetensors.index.json")));
        Assert.Equal(21, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(
            ["a 1", "b 2", "c 2", "d 3"],
            index.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => $"{p.Name} {p.Value.GetString()![10]}"));
        var second = SafetensorsBytes.Parse(File.ReadAllBytes(_folder.File("model-00002-of-00003.safetensors")), out JsonElement header);
        Assert.Equal("pt", header.GetProperty("__metadata__").GetProperty("format").GetString());
        Assert.Equal(["b", "c"], second.Keys.Order());
        Assert.Equal([1, 1, 1, 1], second["b"].Data);
    }

    [Fact]
    public void What_fits_one_file_has_no_index_and_takes_the_place_of_shards()
    {
        File.WriteAllText(_folder.File("model-of-mine.safetensors"), "stays");
        SafetensorsShards.Write(_folder.Path, [("a", Bytes(4)), ("b", Bytes(4))], maxShardBytes: 4);
        SafetensorsShards.Write(_folder.Path, [("a", Bytes(4)), ("b", Bytes(4))], maxShardBytes: 8);
        Assert.Equal(["model-of-mine.safetensors", "model.safetensors"], Files());

        SafetensorsShards.Write(_folder.Path, [("a", Bytes(4)), ("b", Bytes(4))], maxShardBytes: 7);
        Assert.DoesNotContain("model.safetensors", Files());
        Assert.Contains("model-00002-of-00002.safetensors", Files());
    }

    [Theory]
    [InlineData(5)]
    [InlineData(1000)]
    public void A_network_loads_from_shards_as_from_one_file(long maxShardBytes)
    {
        using var saved = torch.nn.Sequential(("in", torch.nn.Linear(3, 2)), ("out", torch.nn.Linear(2, 4)));
        using var loaded = torch.nn.Sequential(("in", torch.nn.Linear(3, 2)), ("out", torch.nn.Linear(2, 4)));
        SafetensorsShards.Write(_folder.Path, ModuleWeights.Of(saved), maxShardBytes);
        using (ISafetensorsReader reader = SafetensorsReader.Open(_folder.Path))
            ModuleWeights.Load(loaded, reader);

        foreach (var ((_, expected), (_, found)) in ModuleWeights.Of(saved).Zip(ModuleWeights.Of(loaded)))
            Assert.Equal(expected.bytes.ToArray(), found.bytes.ToArray());
    }

    [Fact]
    public void An_index_written_by_hand_is_read()
    {
        Write("x.safetensors", """{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}""", 0x80, 0x3F, 0x00, 0xC0);
        Write("y.safetensors", """{"b":{"dtype":"I16","shape":[1],"data_offsets":[0,2]}}""", 0xFE, 0xFF);
        using SafetensorsIndex index = Open(
            """{"weight_map":{"a":"x.safetensors","b":"y.safetensors"},"metadata":{"total_size":6,"total_parameters":3,"format":"pt"}}""");
        torch.Tensor a = torch.zeros(2, torch.bfloat16);
        torch.Tensor b = torch.zeros(1, torch.int16);
        index.ReadInto(new Dictionary<string, torch.Tensor> { ["a"] = a, ["b"] = b });

        Assert.Equal([1f, -2f], a.to(torch.float32).data<float>().ToArray());
        Assert.Equal(-2, b.item<short>());
        Assert.Equal("3", index.Metadata["total_parameters"]);
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("/x.safetensors")]
    [InlineData("sub/x.safetensors")]
    [InlineData("sub\\\\x.safetensors")]
    [InlineData("C:x.safetensors")]
    [InlineData("\\\\\\\\server\\\\x.safetensors")]
    [InlineData("..safetensors")]
    [InlineData("NUL.safetensors")]
    [InlineData("com1 .x.safetensors")]
    [InlineData("x.safetensors\\u0000")]
    [InlineData("x.bin")]
    [InlineData("")]
    public void A_file_name_that_is_no_plain_name_is_refused(string name)
    {
        Write("x.safetensors", """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1);
        Assert.Contains("a plain name that ends in '.safetensors' was expected", Refused($$$"""{"weight_map":{"a":"{{{name}}}"}}"""));
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"x.safetensors","b":"x.safetensors"}}""", "'x.safetensors' lacks the tensor 'b'")]
    [InlineData("""{"weight_map":{"b":"x.safetensors"}}""", "has the tensor 'a', which the index does not place there")]
    [InlineData("""{"weight_map":{"a":"z.safetensors"}}""", "'z.safetensors' that it names is not in its folder")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"},"metadata":{"total_size":-1}}""", "a whole number from 0 on was expected")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"},"metadata":{"total_size":1,"total_size":1}}""", "twice")]
    [InlineData("""{"weight_map":{"a":"x.safetensors","a":"x.safetensors"}}""", "'a' stands in 'weight_map' twice")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"},"weight_map":{"a":"x.safetensors"}}""", "'weight_map' stands in the index twice")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"},"more":1}""", "unknown member 'more'")]
    [InlineData("""{"weight_map":{"a":1}}""", "a string was expected, found '1'")]
    [InlineData("""{"metadata":{"deep":[[[[[[[[[[]]]]]]]]]]}}""", "a string, number or truth value was expected")]
    [InlineData("""{"metadata":{}}""", "lacks 'weight_map'")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"}} x""", "not well-formed")]
    [InlineData("", "is empty")]
    public void An_index_that_does_not_fit_its_files_is_refused_with_the_reason(string json, string reason)
    {
        Write("x.safetensors", """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1);
        Assert.Contains(reason, Refused(json));
    }

    [Fact]
    public void A_link_to_another_folder_is_refused_and_one_within_a_download_cache_is_followed()
    {
        if (OperatingSystem.IsWindows())
            return;

        string blobs = Directory.CreateDirectory(_folder.File("blobs")).FullName;
        string snapshot = Directory.CreateDirectory(_folder.File("snapshot")).FullName;
        File.WriteAllBytes(
            Path.Combine(blobs, "1234"), SafetensorsBytes.Of("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 7));
        File.WriteAllText(Path.Combine(blobs, "5678"), """{"weight_map":{"a":"x.safetensors"}}""");
        File.CreateSymbolicLink(Path.Combine(snapshot, "x.safetensors"), "../blobs/1234");
        string index = Path.Combine(snapshot, "model.safetensors.index.json");
        File.Copy(Path.Combine(blobs, "5678"), index);
        Assert.Contains("'x.safetensors' that it names is a link to another folder", Assert.Throws<InvalidDataException>(() =>
            SafetensorsIndex.Open(index)).Message);

        File.Delete(index);
        File.CreateSymbolicLink(index, "../blobs/5678");
        using ISafetensorsReader reader = SafetensorsReader.Open(snapshot);
        Assert.Equal(["a"], reader.Tensors.Keys);
    }

    [Fact]
    public void A_pipe_is_refused_without_waiting_for_its_other_end()
    {
        if (OperatingSystem.IsWindows())
            return;

        Assert.Equal(0, MakePipe(_folder.File("x.safetensors"), 0b110_000_000));
        Assert.Contains("has 0 bytes", Refused("""{"weight_map":{"a":"x.safetensors"}}"""));
    }

    [Fact]
    public void A_truth_value_of_two_is_refused_from_a_file_and_from_a_stream()
    {
        byte[] bytes = SafetensorsBytes.Of("""{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}""", 1, 2);
        File.WriteAllBytes(_folder.File("x.safetensors"), bytes);
        using ISafetensorsReader file = SafetensorsReader.Open(_folder.File("x.safetensors"));
        foreach (ISafetensorsReader reader in new[] { file, new SafetensorsStream(new MemoryStream(bytes), "x") })
        {
            var error = Assert.Throws<InvalidDataException>(() =>
                reader.ReadInto(new Dictionary<string, torch.Tensor> { ["a"] = torch.zeros(2, torch.@bool) }));
            Assert.Contains("'a' of type BOOL has a byte 2", error.Message);
        }
    }

    [Fact]
    public void A_folder_without_a_model_says_what_was_looked_for() =>
        Assert.Contains("neither 'model.safetensors' nor 'model.safetensors.index.json'", Assert.Throws<FileNotFoundException>(() =>
            SafetensorsReader.Open(_folder.Path)).Message);

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakePipe(string path, uint mode);

    private static torch.Tensor Bytes(int count) => torch.ones(count, torch.uint8);

    private string[] Files() => [.. Directory.EnumerateFiles(_folder.Path).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    private void Write(string name, string json, params byte[] data) =>
        File.WriteAllBytes(_folder.File(name), SafetensorsBytes.Of(json, data));

    private SafetensorsIndex Open(string json)
    {
        File.WriteAllText(_folder.File("model.safetensors.index.json"), json);
        return SafetensorsIndex.Open(_folder.File("model.safetensors.index.json"));
    }

    private string Refused(string json) => Assert.Throws<InvalidDataException>(() => Open(json)).Message;
}
