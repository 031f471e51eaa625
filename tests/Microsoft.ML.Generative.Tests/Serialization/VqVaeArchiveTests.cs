using System.Text;
using CsCheck;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Model files of a model that is made of two networks and a codebook.</summary>
public sealed class VqVaeArchiveTests(SavedVqVae saved) : IClassFixture<SavedVqVae>, IDisposable
{
    private const string Folder = "TransformerChain/";

    private readonly TemporaryFolder _folder = new();
    private int _loaded;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sound_model_loads_as_it_was_saved()
    {
        using VqVaeTransformer model = Load(saved.Zip);
        Assert.Equal(saved.Expected, SavedVqVae.Rows(model));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("autoencoder.safetensors")]
    [InlineData("prior.safetensors")]
    [InlineData("checksums.json")]
    public void A_missing_entry_is_named(string entry)
    {
        byte[] zip = ZipBytes.Of(ZipBytes.Entries(saved.Zip).Where(e => e.Name != Folder + entry));
        Assert.Contains($"'{entry}'", Assert.Throws<InvalidDataException>(() => Load(zip)).Message);
    }

    [Theory]
    [InlineData("autoencoder.safetensors")]
    [InlineData("prior.safetensors")]
    public void Every_bit_flipped_among_the_weights_or_the_codebook_is_noticed(string entry)
    {
        int length = ZipBytes.Entries(saved.Zip).Single(e => e.Name == Folder + entry).Data.Length;
        for (int at = 0; at < length; at += length / 40)
        {
            byte[] zip = ZipBytes.With(saved.Zip, Folder + entry, bytes =>
            {
                bytes[at] ^= 4;
                return bytes;
            });
            Assert.Contains($"'{entry}'", Assert.Throws<InvalidDataException>(() => Load(zip)).Message);
        }
    }

    [Theory]
    [InlineData("codebookSize")]
    [InlineData("hiddenChannels")]
    [InlineData("priorLayers")]
    [InlineData("priorEmbeddingSize")]
    public void A_configuration_of_a_far_larger_network_is_refused_before_it_is_made(string option)
    {
        // With the checksum that goes with it: what is left to find it out is the size of the weights.
        byte[] zip = WithConfig(json => System.Text.RegularExpressions.Regex.Replace(json, $"\"{option}\": \\d+", $"\"{option}\": 32000"));
        Bounds.LoadedOrRefused<VqVaeTransformer>(() => Load(zip), maxBytes: 30_000_000);
        Assert.Contains("bytes of tensors; the network of 'config.json' has", Assert.Throws<InvalidDataException>(() => Load(zip)).Message);
    }

    [Fact]
    public void Four_hundred_changed_archives_load_an_equal_model_or_are_refused()
    {
        var entries = ZipBytes.Entries(saved.Zip);
        Gen.Select(Gen.Int[0, entries.Count - 1], Mutation.Any, Gen.Bool).Sample(
            (entry, mutations, whole) => Check(whole
                ? Mutation.Apply(saved.Zip, mutations)
                : ZipBytes.With(saved.Zip, entries[entry].Name, bytes => Mutation.Apply(bytes, mutations))),
            iter: 400,
            threads: 1);
        Assert.InRange(_loaded, 1, 360);
    }

    private void Check(byte[] zip)
    {
        using VqVaeTransformer? model = Bounds.LoadedOrRefused(() => Load(zip), maxBytes: 50_000_000);
        Assert.Equal(["model.zip"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(p => Path.GetFileName(p)));
        if (model is null)
            return;
        _loaded++;
        Assert.Equal(saved.Expected, SavedVqVae.Rows(model));
    }

    private byte[] WithConfig(Func<string, string> change)
    {
        byte[] changed = [];
        byte[] zip = ZipBytes.With(saved.Zip, Folder + "config.json", bytes =>
        {
            string before = Encoding.UTF8.GetString(bytes);
            string after = change(before);
            Assert.NotEqual(before, after);
            return changed = Encoding.UTF8.GetBytes(after);
        });
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(changed));
        return ZipBytes.With(zip, Folder + "checksums.json", bytes => Encoding.UTF8.GetBytes(
            System.Text.RegularExpressions.Regex.Replace(Encoding.UTF8.GetString(bytes), "(\"config.json\": \")[0-9a-f]+", "${1}" + hash)));
    }

    private VqVaeTransformer Load(byte[] zip)
    {
        string path = _folder.File("model.zip");
        File.WriteAllBytes(path, zip);
        return (VqVaeTransformer)saved.Ml.Generative().LoadModel(path, out _);
    }
}

/// <summary>A tiny VQ-VAE, trained and saved once.</summary>
public sealed class SavedVqVae
{
    public SavedVqVae()
    {
        IDataView data = TinyImages.AsVectors(Ml, 16);
        using VqVaeTransformer model = Ml.Transforms.Generative().VqVae(TinyVqVae.Options()).Fit(data);
        Expected = Rows(model);
        var stream = new MemoryStream();
        Ml.Model.Save(model, data.Schema, stream);
        Zip = stream.ToArray();
    }

    public MLContext Ml { get; } = new(seed: 1);

    public byte[] Zip { get; }

    /// <summary>What the model makes of fixed inputs: both networks and the codebook take part.</summary>
    public float[] Expected { get; }

    public static float[] Rows(VqVaeTransformer model)
    {
        float[] row = [.. Enumerable.Range(0, model.RowSize).Select(i => i % 7 / 7f)];
        int[] codes = model.Encode(row);
        float[] drawn = [.. Tests.Rows.Read(model.Generate(2, new() { Seed = 5 })).SelectMany(r => (float[])r[0]!)];
        return [.. codes.Select(c => (float)c), .. model.Decode(codes), .. drawn];
    }
}
