using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Models of several components.</summary>
public sealed class ComponentTests : IDisposable
{
    private static readonly ModelFormat _format = new("pair", "PAIRTEST", "PairTest", Version: 3, DefinitionVersion: 3, OldestVersion: 1);

    private readonly MemoryEntries _stored = new();
    private readonly TinyNetwork _encoder;
    private readonly TinyNetwork _decoder;

    public ComponentTests()
    {
        TorchRuntime.EnsureLoaded();
        (_encoder, _decoder) = (new TinyNetwork(4, 2), new TinyNetwork(2, 4));
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _decoder.Dispose();
    }

    [Fact]
    public void Each_component_has_an_entry_and_is_read_without_the_others()
    {
        Write(new PairDefinition());
        Assert.Equal(["checksums.json", "config.json", "decoder.safetensors", "encoder.safetensors"], _stored.All.Keys.Order(
            StringComparer.Ordinal));

        // Damage of one does not matter to the other.
        _stored.All["encoder.safetensors"] = [1, 2, 3];
        StoredModel<PairDefinition> model = Open();
        using TinyNetwork decoder = model.Read(model.Definition.Decoder);
        Assert.Equal(_decoder.Values, decoder.Values);
        Assert.Contains(
            "'encoder.safetensors' is damaged", Assert.Throws<InvalidDataException>(() => model.Read(model.Definition.Encoder)).Message);
    }

    [Fact]
    public void The_one_entry_of_the_first_formats_is_read_component_by_component()
    {
        Write(new PairDefinition());
        using var both = new PairNetwork(_encoder, _decoder);
        using var weights = new MemoryStream();
        Generative.Serialization.Safetensors.SafetensorsWriter.Write(weights, ModuleWeights.Of(both));
        _stored.Replace("weights.safetensors", weights.ToArray());
        _stored.Replace("config.json", """{"format":1,"model":"pair","config":{}}""");
        _stored.Remove("encoder.safetensors");
        _stored.Remove("decoder.safetensors");

        StoredModel<PairDefinition> model = Open();
        using TinyNetwork decoder = model.Read(model.Definition.Decoder), encoder = model.Read(model.Definition.Encoder);
        Assert.Equal(_decoder.Values, decoder.Values);
        Assert.Equal(_encoder.Values, encoder.Values);
    }

    [Fact]
    public void A_tensor_of_no_component_is_named()
    {
        Write(new PairDefinition());
        using var weights = new MemoryStream();
        Generative.Serialization.Safetensors.SafetensorsWriter.Write(
            weights, [("encoder.weight", _encoder.weight), ("encoder.bias", _encoder.bias), ("other.bias", _decoder.bias)]);
        _stored.Replace("weights.safetensors", weights.ToArray());
        _stored.Replace("config.json", """{"format":1,"model":"pair","config":{}}""");
        StoredModel<PairDefinition> model = Open();
        Assert.Contains("'other.bias'", Assert.Throws<InvalidDataException>(() => model.Read(model.Definition.Encoder)).Message);
    }

    [Fact]
    public void A_missing_component_is_named()
    {
        Write(new PairDefinition());
        _stored.Remove("decoder.safetensors");
        StoredModel<PairDefinition> model = Open();
        Assert.Contains("'decoder.safetensors'", Assert.Throws<InvalidDataException>(() => model.Read(model.Definition.Decoder)).Message);
        model.Read(model.Definition.Encoder).Dispose();

        _stored.Change("config.json", "\"decoder\"", "\"other\"");
        Assert.Contains("component 'other'; supported values: encoder, decoder", Refusal());
        _stored.Change("config.json", "\"other\"", "\"encoder\"");
        Assert.Contains("component 'encoder' twice", Refusal());
        _stored.Replace(
            "config.json", """{"format":3,"model":"pair","components":[{"name":"encoder","kind":"Full"}],"decoderKind":"Full"}""");
        Assert.Contains("does not name the component 'decoder'", Refusal());
    }

    [Fact]
    public void A_component_of_another_kind_is_refused_with_both_kinds()
    {
        Write(new PairDefinition());
        _stored.Change("config.json", "\"decoderKind\": \"Full\"", "\"decoderKind\": \"Adapter\"");
        Assert.Contains("component 'decoder' is Full; expected Adapter", Refusal());
    }

    [Fact]
    public void A_frozen_component_is_known_by_its_hash()
    {
        Write(new PairDefinition { DecoderKind = ComponentKind.Frozen });
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(_stored.All["decoder.safetensors"]));
        Assert.Contains(hash, Encoding.UTF8.GetString(_stored.All["config.json"]));
        StoredModel<PairDefinition> model = Open();
        using (TinyNetwork decoder = model.Read(model.Definition.Decoder))
            Assert.Equal(_decoder.Values, decoder.Values);

        // The decoder of another model, with a checksum that fits.
        _stored.Change("config.json", hash, hash[..^4] + "0000");
        string message = Assert.Throws<InvalidDataException>(() => Open().Read(model.Definition.Decoder)).Message;
        Assert.Contains("frozen component 'decoder'", message);
        Assert.Contains(hash, message);
    }

    [Fact]
    public void A_frozen_component_outside_of_the_file_is_refused_by_name()
    {
        Write(new PairDefinition { DecoderKind = ComponentKind.Frozen });
        _stored.Remove("decoder.safetensors");
        StoredModel<PairDefinition> model = Open();
        string message = Assert.Throws<InvalidDataException>(() => model.Read(model.Definition.Decoder)).Message;
        Assert.Contains("frozen component 'decoder' by its SHA-256", message);
        Assert.Contains("not supported", message);
    }

    private void Write(PairDefinition definition) => ModelEntries.Write(_stored.Save, _format, definition, [_encoder, _decoder]);

    private StoredModel<PairDefinition> Open() => ModelEntries.Open<PairDefinition>(_stored.TryLoad, _format);

    private string Refusal() => Assert.Throws<InvalidDataException>(() => Open()).Message;

    private sealed class PairDefinition : IModelDefinition<PairDefinition>
    {
        public ComponentKind DecoderKind { get; init; }

        [JsonIgnore]
        public Component<TinyNetwork> Encoder => new("encoder", () => new TinyNetwork(4, 2));

        [JsonIgnore]
        public Component<TinyNetwork> Decoder => new("decoder", () => new TinyNetwork(2, 4), DecoderKind);

        [JsonIgnore]
        public IReadOnlyList<Component> Components => [Encoder, Decoder];

        public static PairDefinition ReadOldFormat(JsonObject config) => new();

        public void Validate()
        {
        }
    }

    private sealed class PairNetwork : TorchSharp.torch.nn.Module
    {
        private readonly TinyNetwork encoder;
        private readonly TinyNetwork decoder;

        public PairNetwork(TinyNetwork encoder, TinyNetwork decoder)
            : base(nameof(PairNetwork))
        {
            (this.encoder, this.decoder) = (encoder, decoder);
            RegisterComponents();
        }
    }
}
