using System.Text;
using CsCheck;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Damaged model files load a model that equals the sound one, or are refused with <see cref="InvalidDataException"/>.</summary>
public sealed class ModelArchiveMutationTests(SavedVae saved) : IClassFixture<SavedVae>, IDisposable
{
    private const long MaxBytes = 50_000_000;

    private static readonly string[] _names =
    [
        "Schema", "Model.key", "TransformerChain/Model.key", "TransformerChain/Transform_000/Model.key",
        "TransformerChain/Transform_001/Model.key",
        "TransformerChain/Transform_001/config.json", "TransformerChain/Transform_001/autoencoder.safetensors",
        "TransformerChain/Transform_001/checksums.json",
        "TransformerChain\\Transform_001\\config.json", "../x", "..\\x", "/x", "C:/x", "a/../../x", "x", " ", "a/b/c/d/e",
        "TransformerChain/Transform_002/Model.key",
    ];

    private readonly TemporaryFolder _folder = new();
    private int _loaded;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_thousand_archives_with_damaged_bytes_load_an_equal_model_or_are_refused()
    {
        Mutation.Any.Sample(m => Check(Mutation.Apply(saved.Zip, m)), iter: 1000, threads: 1);
        Assert.InRange(_loaded, 1, 900);
    }

    [Fact]
    public void Five_hundred_archives_with_damaged_entries_load_an_equal_model_or_are_refused()
    {
        var entries = ZipBytes.Entries(saved.Zip);
        Gen.Select(Gen.Int[0, entries.Count - 1], Mutation.Any).Sample(
            (entry, mutations) => Check(ZipBytes.With(saved.Zip, entries[entry].Name, bytes => Mutation.Apply(bytes, mutations))),
            iter: 500, threads: 1);
        Assert.InRange(_loaded, 1, 400);
    }

    [Fact]
    public void Five_hundred_archives_with_altered_json_load_an_equal_model_or_are_refused()
    {
        string[] files = ["TransformerChain/Transform_001/config.json", "TransformerChain/Transform_001/checksums.json"];
        Gen.Select(Gens.OneOf(files), JsonMutation.Any).Sample(
            (file, mutations) => Check(ZipBytes.With(
                saved.Zip, file, json => Encoding.UTF8.GetBytes(JsonMutation.Apply(Encoding.UTF8.GetString(json), mutations)))),
            iter: 500, threads: 1);
        Assert.InRange(_loaded, 1, 400);
    }

    [Fact]
    public void Five_hundred_archives_with_entries_renamed_added_removed_or_of_false_size_load_an_equal_model_or_are_refused()
    {
        var sound = ZipBytes.Entries(saved.Zip);
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, sound.Count - 1], Gens.OneOf(_names), Gen.UInt).Sample(
            (what, which, name, size) =>
            {
                List<(string Name, byte[] Data)> entries = [.. sound];
                switch (what)
                {
                    case 0:
                        entries[which] = (name, entries[which].Data);
                        break;
                    case 1:
                        entries.Insert((int)(size % (uint)entries.Count), (name, entries[which].Data));
                        break;
                    case 2:
                        entries.RemoveAt(which);
                        break;
                    case 3:
                        entries.Add((entries[which].Name, new byte[size % 100_000]));
                        break;
                    default:
                        Check(ZipBytes.WithDeclaredSize(saved.Zip, entries[which].Name, size));
                        return;
                }

                Check(ZipBytes.Of(entries));
            },
            iter: 500,
            threads: 1);
        Assert.InRange(_loaded, 1, 400);
    }

    private void Check(byte[] zip)
    {
        string path = _folder.File("model.zip");
        File.WriteAllBytes(path, zip);
        using var model = (TransformerChain<ITransformer>?)Bounds.LoadedOrRefused(
            () => saved.Ml.Generative().LoadModel(path, out _), MaxBytes);
        Assert.Equal(["model.zip"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(p => Path.GetFileName(p)));
        foreach (VaeTransformer ours in model?.OfType<VaeTransformer>() ?? [])
        {
            _loaded++;
            Assert.Equal(saved.Expected, SavedVae.Rows(ours));
        }
    }
}
