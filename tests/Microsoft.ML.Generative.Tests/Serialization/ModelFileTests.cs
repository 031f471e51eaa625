using System.IO.Compression;
using System.Reflection;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Drives ML.NET's repository by reflection: its contexts are internal, and here is no transformer yet to save.</summary>
public sealed class ModelFileTests : IDisposable
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Assembly _core = typeof(ModelSaveContext).Assembly;

    private readonly MLContext _ml = new(seed: 1);
    private readonly TinyNetwork _network;

    public ModelFileTests()
    {
        TorchRuntime.EnsureLoaded();
        _network = new TinyNetwork(2, 3);
        using var noGrad = torch.no_grad();
        using torch.Tensor values = torch.arange(6, torch.float32);
        _network.weight.copy_(values.view(3, 2));
        _network.bias.zero_();
    }

    public void Dispose() => _network.Dispose();

    [Fact]
    public void A_model_saved_in_a_repository_is_loaded_from_it()
    {
        byte[] zip = Saved(0x00010002);
        using (var archive = new ZipArchive(new MemoryStream(zip)))
        {
            Assert.Superset(
                new HashSet<string> { "config.json", "network.safetensors", "checksums.json", "vocab.txt" },
                archive.Entries.Select(e => e.Name).ToHashSet());
        }

        AssertSound(zip);
    }

    [Fact]
    public void A_model_of_a_newer_version_asks_for_an_update()
    {
        var error = Assert.Throws<InvalidDataException>(() => Load(Saved(0x00010003), 0x00010002));
        Assert.Contains("written by a newer version of Microsoft.ML.Generative", error.Message);
    }

    [Fact]
    public void A_configuration_that_contradicts_itself_is_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() => Load(Saved(0x00010002, latentSize: 0), 0x00010002));
        Assert.Contains("LatentSize", error.Message);
    }

    [Fact]
    public void A_flipped_bit_is_refused_with_the_name_of_the_entry_or_changes_nothing()
    {
        byte[] zip = Saved(0x00010002);
        var random = new Random(1);
        int refused = 0;
        foreach (string name in new[] { "config.json", "network.safetensors", "vocab.txt" })
        {
            var (begin, length) = CompressedData(zip, name);
            for (int i = 0; i < 10; i++)
            {
                byte[] damaged = [.. zip];
                damaged[begin + random.Next(length)] ^= (byte)(1 << random.Next(8));
                if (Record.Exception(() => AssertSound(damaged)) is not { } error)
                    continue;

                Assert.IsType<InvalidDataException>(error);
                Assert.Contains($"'{name}'", error.Message);
                refused++;
            }
        }

        // A compressed entry ends with bits that mean nothing, so a few flips do no harm.
        Assert.InRange(refused, 24, 30);
    }

    private void AssertSound(byte[] zip)
    {
        Loaded loaded = Load(zip, 0x00010003);
        using (loaded.Network)
        {
            Assert.Equal(11, loaded.Definition.LatentSize);
            Assert.Equal(_network.Values, loaded.Network.Values);
            Assert.Equal([1, 2, 3], loaded.File);
        }
    }

    private byte[] Saved(uint version, int latentSize = 11)
    {
        var stream = new MemoryStream();
        using var repository = (IDisposable)Call(
            _core.GetType("Microsoft.ML.RepositoryWriter", throwOnError: true)!, null, "CreateNew", stream, _ml, true)!;
        var context = (ModelSaveContext)Activator.CreateInstance(
            typeof(ModelSaveContext), Any, null, [repository, "Model", "Model.key"], null)!;
        var files = new Dictionary<string, Action<Stream>> { ["vocab.txt"] = s => s.Write([1, 2, 3]) };
        ModelFile.Save(context, Format(version), new TinyDefinition { LatentSize = latentSize }, [_network], files);
        Call(typeof(ModelSaveContext), context, "Done");
        Call(repository.GetType(), repository, "Commit");
        return stream.ToArray();
    }

    private Loaded Load(byte[] zip, uint version)
    {
        using var repository = (IDisposable)Call(
            _core.GetType("Microsoft.ML.RepositoryReader", throwOnError: true)!, null, "Open", new MemoryStream(zip), _ml, true)!;
        using var entry = (IDisposable)repository.GetType().GetMethod("OpenEntry", Any, [typeof(string), typeof(string)])!.Invoke(
            repository, ["Model", "Model.key"])!;
        using var context = (IDisposable)Activator.CreateInstance(
            _core.GetType("Microsoft.ML.ModelLoadContext", throwOnError: true)!, Any, null, [repository, entry, "Model"], null)!;
        Func<LoadedModel<TinyDefinition>, Loaded> create = file =>
            new Loaded(file.Definition, file.Read(file.Definition.Network), file.ReadFile("vocab.txt", 3));
        return (Loaded)Unwrapped(
            typeof(ModelFile).GetMethod(nameof(ModelFile.Load))!.MakeGenericMethod(typeof(TinyDefinition), typeof(Loaded)), null,
            [_ml, context, Format(version), create])!;
    }

    private sealed record Loaded(TinyDefinition Definition, TinyNetwork Network, byte[] File);

    private static ModelFormat Format(uint version) => new("tiny", "TINYTEST", "TinyTest", version, DefinitionVersion: 0x00010002);

    // Where the zip format puts the bytes: after a local header of 30 bytes, the name and the extra field.
    private static (int Begin, int Length) CompressedData(byte[] zip, string name)
    {
        byte[] path = [.. "Model/"u8, .. System.Text.Encoding.ASCII.GetBytes(name)];
        int header = zip.AsSpan().IndexOf(path) - 30;
        using var archive = new ZipArchive(new MemoryStream(zip));
        ZipArchiveEntry entry = archive.Entries.Single(e => e.Name == name);
        return (header + 30 + path.Length + BitConverter.ToUInt16(zip, header + 28), (int)entry.CompressedLength);
    }

    private static object? Call(Type type, object? target, string method, params object[] arguments) =>
        Unwrapped(type.GetMethods(Any).Single(m => m.Name == method && m.GetParameters().Length == arguments.Length), target, arguments);

    private static object? Unwrapped(MethodInfo method, object? target, object[] arguments) =>
        method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, arguments, null);
}
