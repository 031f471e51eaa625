using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

public sealed class ModelEntriesTests : IDisposable
{
    private static readonly ModelFormat _format = new("tiny", "TINYTEST", "TinyTest", Version: 3, DefinitionVersion: 3, OldestVersion: 1);

    private readonly Dictionary<string, byte[]> _entries = [];
    private readonly Linear _network;

    public ModelEntriesTests()
    {
        TorchRuntime.EnsureLoaded();
        _network = torch.nn.Linear(2, 3);
    }

    public void Dispose() => _network.Dispose();

    [Fact]
    public void Configuration_weights_and_further_files_come_back()
    {
        Write(new TinyDefinition { LatentSize = 7, Beta = 0.1f, Shape = TinyShape.Round, HiddenSizes = [3, 5] });

        TinyDefinition definition = ReadDefinition();
        Assert.Equal((7, 0.1f, TinyShape.Round, null), (definition.LatentSize, definition.Beta, definition.Shape, definition.Note));
        Assert.Equal([3, 5], definition.HiddenSizes);

        using Linear loaded = torch.nn.Linear(2, 3);
        ModelEntries.ReadNetwork(TryLoad, BytesOf(loaded), () => loaded);
        Assert.Equal(_network.weight!.bytes.ToArray(), loaded.weight!.bytes.ToArray());
        Assert.Equal(_network.bias!.bytes.ToArray(), loaded.bias!.bytes.ToArray());

        byte[] vocabulary = new byte[4];
        ModelEntries.ReadEntry(TryLoad, "vocab.txt", (stream, length) => stream.ReadExactly(vocabulary.AsSpan(0, (int)length!)));
        Assert.Equal("a\nb\n", Encoding.UTF8.GetString(vocabulary));
    }

    [Fact]
    public void The_configuration_is_json_that_people_can_read()
    {
        Write(new TinyDefinition());
        Assert.Equal(
            """
            {
              "format": 3,
              "model": "tiny",
              "latentSize": 20,
              "beta": 1,
              "shape": "Square",
              "hiddenSizes": [
                400
              ],
              "note": null
            }
            """,
            Encoding.UTF8.GetString(_entries["config.json"]));
    }

    [Fact]
    public void The_weights_are_an_ordinary_safetensors_file()
    {
        Write(new TinyDefinition());
        var tensors = SafetensorsBytes.Parse(_entries["weights.safetensors"], out _);
        Assert.Equal(["bias", "weight"], tensors.Keys.Order());
        Assert.Equal(_network.weight!.bytes.ToArray(), tensors["weight"].Data);
    }

    [Fact]
    public void An_older_format_loads_and_what_it_lacks_takes_the_default()
    {
        Write(new TinyDefinition());
        Replace("""{"format":1,"model":"tiny","config":{"size":5,"epochs":7}}""");
        TinyDefinition definition = ReadDefinition();
        Assert.Equal((5, 1f, TinyShape.Square), (definition.LatentSize, definition.Beta, definition.Shape));
        Assert.Equal([400], definition.HiddenSizes);
    }

    [Theory]
    [InlineData("""{"format":4,"model":"tiny","config":{},"new":1}""", "written by a newer version of Microsoft.ML.Generative (format 4, this version reads up to 3); update the package")]
    [InlineData("""{"format":3,"model":"tiny","latentSice":5}""", "latentSice")]
    [InlineData("""{"format":2,"model":"tiny","config":{"old":5}}""", "old")]
    [InlineData("""{"format":3,"model":"tiny","latentSize":5,"latentSize":6}""", "latentSize")]
    [InlineData("""{"format":3,"model":"tiny","latentSize":"five"}""", "latentSize")]
    [InlineData("""{"format":3,"model":"tiny","shape":1}""", "shape")]
    [InlineData("""{"format":3,"model":"tiny","shape":"Oval"}""", "shape")]
    [InlineData("""{"format":3,"model":"tiny","hiddenSizes":null}""", "hiddenSizes")]
    [InlineData("""{"format":3,"model":"tiny","extra":1}""", "extra")]
    [InlineData("""{"format":3,"model":"vae"}""", "where 'tiny' was expected")]
    [InlineData("""{"format":2,"model":"tiny"}""", "lacks the member 'config'")]
    [InlineData("""{"format":2,"model":"tiny","config":null}""", "null")]
    [InlineData("""{"format":2,"model":"tiny","config":[]}""", "config.json")]
    [InlineData("""{"format":2,"model":"tiny","config":{},"extra":1}""", "unknown member 'extra'")]
    [InlineData("""{"format":2,"model":"tiny","config":{"size":5,"latentSize":6}}""", "'size' and 'latentSize', which are two names of one")]
    [InlineData("""{"format":3,"model":"tiny","config":{}}""", "config")]
    [InlineData("""{"format":3,"model":5}""", "is of the model '5'")]
    [InlineData("""{"format":0,"model":"tiny","config":{}}""", "positive whole number")]
    [InlineData("""{"format":"3","model":"tiny"}""", "positive whole number")]
    [InlineData("""{"format":3,"format":3,"model":"tiny"}""", "format")]
    [InlineData("""{"format":3,"model":"tiny",}""", "config.json")]
    [InlineData("""{"format":3,"model":"tiny","$type":"System.Diagnostics.Process"}""", "$type")]
    [InlineData("[]", "Array where an object was expected")]
    [InlineData("", "config.json")]
    public void A_configuration_that_is_not_understood_whole_is_refused_with_the_reason(string json, string reason)
    {
        Write(new TinyDefinition());
        Replace(json);
        var error = Assert.Throws<InvalidDataException>(() => ReadDefinition());
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void A_configuration_that_is_too_deep_too_long_or_not_utf8_is_refused()
    {
        Write(new TinyDefinition());
        Replace(new string('[', 33) + new string(']', 33));
        Assert.Contains("depth", Assert.Throws<InvalidDataException>(() => ReadDefinition()).Message);
        Replace(new string(' ', ModelConfigJson.MaxBytes + 1));
        Assert.Contains("longer than", Assert.Throws<InvalidDataException>(() => ReadDefinition()).Message);
        _entries["config.json"] = [(byte)'"', 0xFF, (byte)'"'];
        Assert.Contains("not UTF-8", Assert.Throws<InvalidDataException>(() => ReadDefinition()).Message);
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_noticed()
    {
        Write(new TinyDefinition());
        var random = new Random(3);
        foreach (string name in _entries.Keys.ToArray())
        {
            byte[] sound = _entries[name];
            for (int i = 0; i < 100; i++)
            {
                byte[] damaged = [.. sound];
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                _entries[name] = damaged;
                Assert.Throws<InvalidDataException>(ReadAll);
            }

            _entries[name] = sound;
        }

        ReadAll();
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("weights.safetensors")]
    [InlineData("vocab.txt")]
    [InlineData("checksums.json")]
    public void An_entry_that_is_cut_off_or_missing_is_named(string name)
    {
        Write(new TinyDefinition());
        _entries[name] = _entries[name][..^1];
        Assert.Contains($"'{name}'", Assert.Throws<InvalidDataException>(ReadAll).Message);
        _entries.Remove(name);
        Assert.Contains($"no entry '{name}'", Assert.Throws<InvalidDataException>(ReadAll).Message);
    }

    [Fact]
    public void An_entry_that_the_checksums_do_not_list_is_refused()
    {
        Write(new TinyDefinition());
        _entries["other.txt"] = [1];
        var error = Assert.Throws<InvalidDataException>(() => ModelEntries.ReadEntry(TryLoad, "other.txt", (_, _) => { }));
        Assert.Contains("does not list 'other.txt'", error.Message);
    }

    [Fact]
    public void Weights_of_another_network_are_refused_and_not_called_damaged()
    {
        Write(new TinyDefinition());
        using Linear other = torch.nn.Linear(2, 4);
        var error = Assert.Throws<InvalidDataException>(() => ModelEntries.ReadNetwork(TryLoad, BytesOf(_network), () => other));
        Assert.Contains("'weight' (found F32 [3, 2], expected F32 [4, 2])", error.Message);
        Assert.DoesNotContain("damaged", error.Message);
    }

    [Fact]
    public void A_configuration_that_asks_for_more_than_the_file_holds_is_refused_before_the_network_is_made()
    {
        Write(new TinyDefinition());
        var error = Assert.Throws<InvalidDataException>(() => ModelEntries.ReadNetwork<Linear>(
            TryLoad, 1L << 50, () => throw new InvalidOperationException("The network was made.")));
        Assert.Contains("holds 36 bytes of tensors; the network of 'config.json' has 1125899906842624", error.Message);
    }

    [Fact]
    public void A_further_file_cannot_take_the_place_of_the_weights()
    {
        var files = new Dictionary<string, Action<Stream>> { ["weights.safetensors"] = _ => { } };
        Assert.Throws<ArgumentException>(() => ModelEntries.Write(Save, _format, new TinyDefinition(), _network, files));
        Assert.Empty(_entries);
    }

    private void Write(TinyDefinition definition) =>
        ModelEntries.Write(Save, _format, definition, _network, new Dictionary<string, Action<Stream>> { ["vocab.txt"] = s => s.Write("a\nb\n"u8) });

    private void ReadAll()
    {
        ReadDefinition();
        using Linear loaded = torch.nn.Linear(2, 3);
        ModelEntries.ReadNetwork(TryLoad, BytesOf(loaded), () => loaded);
        ModelEntries.ReadEntry(TryLoad, "vocab.txt", (_, _) => { });
    }

    private static long BytesOf(torch.nn.Module network) => ModuleWeights.Of(network).Sum(t => t.Tensor.numel() * t.Tensor.ElementSize);

    private TinyDefinition ReadDefinition() => ModelEntries.ReadDefinition<TinyDefinition>(TryLoad, _format);

    /// <summary>Puts another configuration in place, with a checksum that fits, as an older or newer version would have written it.</summary>
    private void Replace(string json)
    {
        _entries["config.json"] = Encoding.UTF8.GetBytes(json);
        var hashes = JsonSerializer.Deserialize<Dictionary<string, string>>(_entries["checksums.json"])!;
        hashes["config.json"] = Convert.ToHexStringLower(SHA256.HashData(_entries["config.json"]));
        _entries["checksums.json"] = JsonSerializer.SerializeToUtf8Bytes(hashes);
    }

    private void Save(string name, Action<Stream> write)
    {
        using var stream = new MemoryStream();
        write(stream);
        _entries.Add(name, stream.ToArray());
    }

    private bool TryLoad(string name, Action<Stream> read)
    {
        if (!_entries.TryGetValue(name, out byte[]? bytes))
            return false;
        read(new MemoryStream(bytes));
        return true;
    }
}
