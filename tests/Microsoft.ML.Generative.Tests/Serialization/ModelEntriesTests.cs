using System.Text;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

public sealed class ModelEntriesTests : IDisposable
{
    private static readonly ModelFormat _format = new("tiny", "TINYTEST", "TinyTest", Version: 3, DefinitionVersion: 3, OldestVersion: 1);

    private readonly MemoryEntries _stored = new();
    private readonly TinyNetwork _network;

    public ModelEntriesTests()
    {
        TorchRuntime.EnsureLoaded();
        _network = new TinyNetwork(2, 3);
    }

    public void Dispose() => _network.Dispose();

    [Fact]
    public void Configuration_weights_and_further_files_come_back()
    {
        Write(new TinyDefinition { LatentSize = 7, Beta = 0.1f, Shape = TinyShape.Round, HiddenSizes = [3, 5] });

        TinyDefinition definition = ReadDefinition();
        Assert.Equal((7, 0.1f, TinyShape.Round, null), (definition.LatentSize, definition.Beta, definition.Shape, definition.Note));
        Assert.Equal([3, 5], definition.HiddenSizes);

        using TinyNetwork loaded = Open().Read(definition.Network);
        Assert.Equal(_network.Values, loaded.Values);
        Assert.Equal("a\nb\n", Encoding.UTF8.GetString(Open().ReadFile("vocab.txt", 4)));
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
              "components": [
                {
                  "name": "network",
                  "kind": "Full"
                }
              ],
              "latentSize": 20,
              "beta": 1,
              "shape": "Square",
              "hiddenSizes": [
                400
              ],
              "note": null
            }
            """,
            Encoding.UTF8.GetString(_stored.All["config.json"]));
    }

    [Fact]
    public void The_weights_are_an_ordinary_safetensors_file()
    {
        Write(new TinyDefinition());
        var tensors = SafetensorsBytes.Parse(_stored.All["network.safetensors"], out _);
        Assert.Equal(["bias", "weight"], tensors.Keys.Order());
        Assert.Equal(_network.weight.bytes.ToArray(), tensors["weight"].Data);
    }

    [Fact]
    public void An_older_format_loads_and_what_it_lacks_takes_the_default()
    {
        Write(new TinyDefinition());
        _stored.Replace("config.json", """{"format":1,"model":"tiny","config":{"size":5,"epochs":7}}""");
        _stored.Replace("weights.safetensors", _stored.All["network.safetensors"]);
        _stored.Remove("network.safetensors");

        TinyDefinition definition = ReadDefinition();
        Assert.Equal((5, 1f, TinyShape.Square), (definition.LatentSize, definition.Beta, definition.Shape));
        Assert.Equal([400], definition.HiddenSizes);
        using TinyNetwork loaded = Open().Read(definition.Network);
        Assert.Equal(_network.Values, loaded.Values);
    }

    [Theory]
    [InlineData(
        """{"format":4,"model":"tiny","config":{},"new":1}""",
        "written by a newer version of Microsoft.ML.Generative (format 4, this version reads up to 3); update the package")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"latentSice":5}""", "latentSice")]
    [InlineData("""{"format":2,"model":"tiny","config":{"old":5}}""", "old")]
    [InlineData(
        """{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"latentSize":5,"latentSize":6}""", "latentSize")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"latentSize":"five"}""", "latentSize")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"shape":1}""", "shape")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"shape":"Oval"}""", "shape")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"hiddenSizes":null}""", "hiddenSizes")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"extra":1}""", "extra")]
    [InlineData("""{"format":3,"model":"vae"}""", "where 'tiny' was expected")]
    [InlineData("""{"format":2,"model":"tiny"}""", "lacks the member 'config'")]
    [InlineData("""{"format":3,"model":"tiny"}""", "lacks the member 'components'")]
    [InlineData("""{"format":3,"model":"tiny","components":null}""", "config.json")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network"}]}""", "kind")]
    [InlineData("""{"format":2,"model":"tiny","config":null}""", "null")]
    [InlineData("""{"format":2,"model":"tiny","config":[]}""", "config.json")]
    [InlineData("""{"format":2,"model":"tiny","config":{},"extra":1}""", "unknown member 'extra'")]
    [InlineData(
        """{"format":2,"model":"tiny","config":{"size":5,"latentSize":6}}""", "'size' and 'latentSize', which are two names of one")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"config":{}}""", "config")]
    [InlineData("""{"format":3,"model":5}""", "is of the model '5'")]
    [InlineData("""{"format":0,"model":"tiny","config":{}}""", "positive whole number")]
    [InlineData("""{"format":"3","model":"tiny"}""", "positive whole number")]
    [InlineData("""{"format":3,"format":3,"model":"tiny"}""", "format")]
    [InlineData("""{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],}""", "config.json")]
    [InlineData(
        """{"format":3,"model":"tiny","components":[{"name":"network","kind":"Full"}],"$type":"System.Diagnostics.Process"}""", "$type")]
    [InlineData("[]", "Array where an object was expected")]
    [InlineData("", "config.json")]
    public void A_configuration_that_is_not_understood_whole_is_refused_with_the_reason(string json, string reason)
    {
        Write(new TinyDefinition());
        _stored.Replace("config.json", json);
        var error = Assert.Throws<InvalidDataException>(() => ReadDefinition());
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void A_configuration_that_is_too_deep_too_long_or_not_utf8_is_refused()
    {
        Write(new TinyDefinition());
        _stored.Replace("config.json", new string('[', 33) + new string(']', 33));
        Assert.Contains("depth", Assert.Throws<InvalidDataException>(() => ReadDefinition()).Message);
        _stored.Replace("config.json", new string(' ', ModelConfigJson.MaxBytes + 1));
        Assert.Contains("longer than", Assert.Throws<InvalidDataException>(() => ReadDefinition()).Message);
        _stored.All["config.json"] = [(byte)'"', 0xFF, (byte)'"'];
        Assert.Contains("not UTF-8", Assert.Throws<InvalidDataException>(() => ReadDefinition()).Message);
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_noticed()
    {
        Write(new TinyDefinition());
        var random = new Random(3);
        foreach (string name in _stored.All.Keys.ToArray())
        {
            byte[] sound = _stored.All[name];
            for (int i = 0; i < 100; i++)
            {
                byte[] damaged = [.. sound];
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                _stored.All[name] = damaged;
                Assert.Throws<InvalidDataException>(ReadAll);
            }

            _stored.All[name] = sound;
        }

        ReadAll();
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("network.safetensors")]
    [InlineData("vocab.txt")]
    [InlineData("checksums.json")]
    public void An_entry_that_is_cut_off_or_missing_is_named(string name)
    {
        Write(new TinyDefinition());
        _stored.All[name] = _stored.All[name][..^1];
        Assert.Contains($"'{name}'", Assert.Throws<InvalidDataException>(ReadAll).Message);
        _stored.All.Remove(name);
        Assert.Contains($"no entry '{name}'", Assert.Throws<InvalidDataException>(ReadAll).Message);
    }

    [Fact]
    public void An_entry_that_the_checksums_do_not_list_is_refused()
    {
        Write(new TinyDefinition());
        _stored.All["other.txt"] = [1];
        var error = Assert.Throws<InvalidDataException>(() => Open().ReadFile("other.txt", 1));
        Assert.Contains("does not list 'other.txt'", error.Message);
    }

    [Fact]
    public void Weights_of_another_network_are_refused_and_not_called_damaged()
    {
        Write(new TinyDefinition());
        var error = Assert.Throws<InvalidDataException>(() =>
            Open().Read(new Component<TinyNetwork>("network", () => new TinyNetwork(1, 4))));
        Assert.Contains("'weight' (found F32 [3, 2], expected F32 [4, 1])", error.Message);
        Assert.Contains("'bias' (found F32 [3], expected F32 [4])", error.Message);
        Assert.DoesNotContain("damaged", error.Message);
    }

    // A matrix of 10¹² elements.
    [Fact]
    public void A_network_of_more_than_the_file_holds_is_refused_before_it_takes_memory()
    {
        Write(new TinyDefinition());
        var error = Assert.Throws<InvalidDataException>(() =>
            Open().Read(new Component<TinyNetwork>("network", () => new TinyNetwork(1_000_000, 1_000_000))));
        Assert.Contains("'network.safetensors' holds 36 bytes of tensors; the network of 'config.json' has more", error.Message);
    }

    [Theory]
    [InlineData("network.safetensors")]
    [InlineData("config.json")]
    [InlineData("checksums.json")]
    public void A_further_file_cannot_take_the_place_of_another_entry(string name)
    {
        var files = new Dictionary<string, Action<Stream>> { [name] = _ => { } };
        var error = Assert.Throws<ArgumentException>(() =>
            ModelEntries.Write(_stored.Save, _format, new TinyDefinition(), [_network], files));
        Assert.Contains($"'{name}'", error.Message);
        Assert.Empty(_stored.All);
    }

    private void Write(TinyDefinition definition) => ModelEntries.Write(
        _stored.Save, _format, definition, [_network], new Dictionary<string, Action<Stream>> { ["vocab.txt"] = s => s.Write("a\nb\n"u8) });

    private void ReadAll()
    {
        StoredModel<TinyDefinition> model = Open();
        model.Read(model.Definition.Network).Dispose();
        model.ReadFile("vocab.txt", 4);
    }

    private StoredModel<TinyDefinition> Open() => ModelEntries.Open<TinyDefinition>(_stored.TryLoad, _format);

    private TinyDefinition ReadDefinition() => Open().Definition;
}
