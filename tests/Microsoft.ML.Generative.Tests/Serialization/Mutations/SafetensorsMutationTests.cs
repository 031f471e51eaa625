using System.Text;
using System.Text.Json;
using CsCheck;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Damaged files load the tensors that an independent parser finds in them, or are refused with <see cref="InvalidDataException"/>. A
/// failing case is shrunk and printed with its seed, which the environment variable CsCheck_Seed repeats.
/// </summary>
public sealed class SafetensorsMutationTests : IDisposable
{
    private const long MaxBytes = 4_000_000;

    private static readonly byte[] _sound = SafetensorsBytes.OfEveryType();
    private static readonly string _soundJson = Encoding.UTF8.GetString(_sound, 8, _sound.Length - 8 - 44);

    private readonly TemporaryFolder _folder = new();
    private int _loaded;

    public SafetensorsMutationTests() => TorchRuntime.EnsureLoaded();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Four_thousand_files_with_damaged_bytes_load_what_they_hold_or_are_refused()
    {
        // In one file nearly every byte matters, in the other most are numbers.
        byte[] large = SafetensorsBytes.Of("""{"w":{"dtype":"F16","shape":[25,20],"data_offsets":[0,1000]}}""", [
            .. Enumerable.Range(0, 1000).Select(i => (byte)(i * 37))]);
        Gen.Select(Gens.OneOf(_sound, large), Mutation.Any).Sample((bytes, m) => Check(Mutation.Apply(bytes, m)), iter: 4000, threads: 1);
        Assert.InRange(_loaded, 40, 3000);
    }

    [Fact]
    public void Four_thousand_files_with_altered_headers_load_what_they_hold_or_are_refused()
    {
        JsonMutation.Any.Sample(
            m => Check(SafetensorsBytes.Of(Encoding.UTF8.GetBytes(JsonMutation.Apply(_soundJson, m)), _sound[^44..])), iter: 4000,
            threads: 1);
        Assert.InRange(_loaded, 40, 3000);
    }

    [Fact]
    public void Two_thousand_altered_indexes_load_the_tensors_of_their_own_folder_or_are_refused()
    {
        var shards = WriteShards(_folder.Path);
        WriteShards(Directory.CreateDirectory(_folder.File("outside")).FullName, value: 9);
        string folder = Directory.CreateDirectory(_folder.File("inside")).FullName;
        foreach (var (name, bytes) in shards)
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(
                Path.Combine(folder, "link.safetensors"), Path.Combine(_folder.File("outside"), "model-00001-of-00002.safetensors"));
        }
        string index = Path.Combine(folder, "model.safetensors.index.json");
        string json = File.ReadAllText(_folder.File("model.safetensors.index.json"));

        JsonMutation.Any.Sample(
            m =>
            {
                File.WriteAllText(index, JsonMutation.Apply(json, m));
                if (Read(() => SafetensorsIndex.Open(index)) is not { } loaded)
                    return;
                _loaded++;
                Assert.All(loaded, t => Assert.Equal(Enumerable.Repeat<byte[]>([1, 0, 0, 0], 64).SelectMany(b => b), t.Value.Data));
                Assert.Subset(new HashSet<string>(["a", "b", "c"]), loaded.Keys.ToHashSet());
            },
            iter: 2000,
            threads: 1);
        Assert.InRange(_loaded, 40, 1500);
    }

    [Fact]
    public void A_thousand_damaged_shards_load_what_they_hold_or_are_refused()
    {
        var shards = WriteShards(_folder.Path);
        string shard = shards.Keys.First(n => n.Contains("00001-of", StringComparison.Ordinal));
        Mutation.Any.Sample(
            m =>
            {
                byte[] bytes = Mutation.Apply(shards[shard], m);
                File.WriteAllBytes(_folder.File(shard), bytes);
                if (Read(() => SafetensorsReader.Open(_folder.Path)) is not { } loaded)
                    return;
                _loaded++;
                Assert.Equal(["a", "b", "c"], loaded.Keys.Order());
                foreach (var (name, expected) in SafetensorsBytes.Parse(bytes, out _))
                    AssertSame(expected, loaded[name]);
            },
            iter: 1000,
            threads: 1);
        Assert.InRange(_loaded, 10, 900);
    }

    private void Check(byte[] bytes)
    {
        string path = _folder.File("x.safetensors");
        File.WriteAllBytes(path, bytes);
        var mapped = Read(() => SafetensorsFile.Open(path));
        Assert.Equal(mapped is null, Read(() => new SafetensorsStream(new MemoryStream(bytes), "x")) is null);
        var streamed = Read(() => new SafetensorsStream(SafetensorsBytes.Forward(bytes), "x"));
        Assert.Equal(mapped is null, streamed is null);
        if (mapped is null)
            return;

        _loaded++;
        var expected = SafetensorsBytes.Parse(bytes, out JsonElement _);
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), mapped.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, tensor) in expected)
        {
            AssertSame(tensor, mapped[name]);
            AssertSame(tensor, streamed![name]);
        }
    }

    private static Dictionary<string, (string Type, long[] Shape, byte[] Data)>? Read(Func<ISafetensorsReader> open) =>
        Bounds.LoadedOrRefused(
            () =>
            {
                using DisposeScope scope = torch.NewDisposeScope();
                using ISafetensorsReader reader = open();
                Dictionary<string, torch.Tensor> tensors = reader.Tensors.ToDictionary(
                    t => t.Key, t => torch.empty(t.Value.Shape, t.Value.Type));
                reader.ReadInto(tensors);
                return tensors.ToDictionary(t => t.Key, t =>
                    (SafetensorsTypes.NameOf(t.Value.dtype)!, t.Value.shape, t.Value.NumberOfElements == 0 ? [] : t.Value.bytes.ToArray()));
            },
            MaxBytes);

    private static void AssertSame((string Type, long[] Shape, byte[] Data) expected, (string Type, long[] Shape, byte[] Data) found)
    {
        Assert.Equal(expected.Type, found.Type);
        Assert.Equal(expected.Shape, found.Shape);
        Assert.Equal(expected.Data, found.Data);
    }

    private static Dictionary<string, byte[]> WriteShards(string folder, int value = 1)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        SafetensorsShards.Write(folder, [("a", torch.full([64], value, torch.int32)), ("b", torch.full(
            [64], value, torch.int32)), ("c", torch.full([64], value, torch.int32))], maxShardBytes: 512);
        return Directory.EnumerateFiles(folder, "*.safetensors").ToDictionary(p => Path.GetFileName(p), File.ReadAllBytes);
    }
}
