using System.IO.Compression;
using System.Reflection;
using System.Text;
using CsCheck;
using Microsoft.ML.Generative.Serialization;
using Xunit.Abstractions;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Damaged model files through ML.NET's own loading, which trusts more than <see cref="ModelArchiveMutationTests"/> allows.
/// </summary>
public sealed class HostileFileTests(ITestOutputHelper output)
{
    private static readonly string[] _words =
    [
        "F32", "F64", "I8", "BF16", "BOOL", "F8", "shape", "data_offsets", "dtype", "__metadata__", "[", "]", "{", "}", "[]", "-1", "0",
        "1", "1e9", "4294967296",
        "9223372036854775807", "9223372036854775808", "null", "\"", ",", ":", "[[[[[[[[[[[[[[[[", "\\u0000", "\"a\":", "config", "true",
    ];

    // One change of a sequence of bytes: what, where, and with which bytes.
    private static readonly Gen<(int Kind, double Place, byte[] Bytes, string Word)> _change =
        Gen.Select(Gen.Int[0, 6], Gen.Double[0, 1], Gen.Byte.Array[1, 12], Gen.Int[0, _words.Length - 1].Select(i => _words[i]));

    private static byte[] Apply(byte[] file, (int Kind, double Place, byte[] Bytes, string Word) change, int? limit = null)
    {
        int at = (int)(change.Place * (Math.Min(limit ?? file.Length, file.Length) - 1));
        byte[] word = Encoding.UTF8.GetBytes(change.Word);
        switch (change.Kind)
        {
            case 0:
                byte[] flipped = [.. file];
                flipped[at] ^= (byte)(1 << change.Bytes[0] % 8);
                return flipped;
            case 1:
                return file[..at];
            case 2:
                return [.. file[..at], .. change.Bytes, .. file[at..]];
            case 3:
                return [.. file[..at], .. word, .. file[at..]];
            case 4:
                return [.. file[..at], .. word, .. file[Math.Min(file.Length, at + word.Length)..]];
            case 5:
                return [.. file[..at], .. file[Math.Min(file.Length, at + change.Bytes.Length)..]];
            default:
                int length = Math.Min(change.Bytes[0] % 64, file.Length - at);
                return [.. file[..at], .. file[at..(at + length)], .. file[at..]];
        }
    }

    [Fact]
    public void Two_thousand_changed_model_files_load_equal_or_are_refused()
    {
        MLContext ml = new(seed: 1);
        IDataView data = TinyImages.AsVectors(ml, 12);
        byte[] sound;
        List<object?[]> expected;
        using (VaeTransformer model = ml.Transforms.Generative()
            .Vae(new VaeOptions { InputColumnName = "Pixels", LatentSize = 2, HiddenSizes = [3], Epochs = 1, Seed = 1 }).Fit(data))
        {
            using var file = new MemoryStream();
            ml.Model.Save(model, data.Schema, file);
            sound = file.ToArray();
            expected = Rows.Read(model.Transform(data));
        }

        output.WriteLine(string.Join(", ", Unpack(sound).Select(e => e.Name)));
        int loaded = 0;
        var refusals = new Dictionary<string, int>();
        void Try(byte[] bytes)
        {
            try
            {
                using var stream = new MemoryStream(bytes);
                ITransformer model = ml.Model.Load(stream, out _);
                using var owned = model as IDisposable;
                Assert.IsType<VaeTransformer>(
                    model is Microsoft.ML.Data.TransformerChain<ITransformer> chain ? chain.LastTransformer : model);
                Rows.AssertEqual(expected, Rows.Read(model.Transform(data)), tolerance: 0);
                loaded++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                while (e is TargetInvocationException { InnerException: { } inner })
                    e = inner;
                // What the loaders of ML.NET and of this library refuse with; a crash of the runtime's memory or an unexpected null is none
                // of these.
                Assert.True(
                    e is InvalidDataException or FormatException or IOException or InvalidOperationException or ArgumentException
                        or NotSupportedException or OverflowException,
                    e.ToString());
                refusals[e.GetType().Name] = refusals.GetValueOrDefault(e.GetType().Name) + 1;
            }
        }

        // Bytes of the zip file as it is, and of its entries, packed again; without the data's schema, a file in ML.NET's own format that
        // ML.NET reads with threads of its own.
        (string Name, byte[] Bytes)[] entries = [.. Unpack(sound).Where(e => !e.Name.StartsWith("Schema", StringComparison.Ordinal))];
        byte[] packed = Pack(entries);
        _change.Sample(change => Try(Apply(packed, change)), iter: 1000, threads: 1);
        Gen.Select(_change, Gen.Int[0, entries.Length - 1]).Sample(
            (change, entry) => Try(Pack([.. entries.Select((e, i) => i == entry ? (e.Name, Apply(e.Bytes, change)) : e)])), iter: 1000,
            threads: 1);

        output.WriteLine($"{loaded} loaded, {string.Join(", ", refusals.Select(r => $"{r.Key} {r.Value}"))}");
        Assert.True(refusals.Values.Sum() > 500);
    }

    [Fact]
    public void Entries_of_a_model_file_that_are_too_many_too_few_or_lead_elsewhere_change_nothing_outside()
    {
        MLContext ml = new(seed: 1);
        IDataView data = TinyImages.AsVectors(ml, 12);
        byte[] sound;
        using (VaeTransformer model = ml.Transforms.Generative()
            .Vae(new VaeOptions { InputColumnName = "Pixels", LatentSize = 2, HiddenSizes = [3], Epochs = 1, Seed = 1 }).Fit(data))
        {
            using var file = new MemoryStream();
            ml.Model.Save(model, data.Schema, file);
            sound = file.ToArray();
        }

        (string Name, byte[] Bytes)[] entries = Unpack(sound);
        using (var stream = new MemoryStream(
            Pack([.. entries, ("../../escaped.txt", [1, 2]), ("/tmp/escaped.txt", [1]), ("TransformerChain/../escaped.txt", [3])])))
            ((IDisposable)ml.Model.Load(stream, out _)).Dispose();
        Assert.False(File.Exists("/tmp/escaped.txt") || File.Exists("escaped.txt") || File.Exists("../../escaped.txt"));

        foreach (var (name, _) in entries.Where(e => e.Name.Contains("safetensors", StringComparison.Ordinal)
            || e.Name.Contains("config", StringComparison.Ordinal)))
        {
            using var stream = new MemoryStream(Pack([.. entries.Where(e => e.Name != name)]));
            Assert.ThrowsAny<Exception>(() => ml.Model.Load(stream, out _));
        }

        // A configuration that unpacks to far more than it can be.
        using (var stream = new MemoryStream(
            Pack([.. entries.Select(e => e.Name.EndsWith("config.json", StringComparison.Ordinal) ? (e.Name, new byte[64 << 20]) : e)])))
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.ThrowsAny<Exception>(() => ml.Model.Load(stream, out _));
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 300L << 20);
        }
    }

    [Fact]
    public void No_type_of_this_library_is_found_by_a_name_from_a_file()
    {
        // Configurations are read as the type that the loader asks for; a type that a file names is an unknown member.
        foreach (string json in (string[])[
            """{"$type":"System.IO.FileInfo","inputColumnName":"x"}""",
            """{"inputColumnName":{"$type":"System.Diagnostics.Process"}}"""])
        {
            using System.Text.Json.JsonDocument document = ModelConfigJson.ParseDocument(Encoding.UTF8.GetBytes(json), "config.json");
            Assert.Throws<InvalidDataException>(() => ModelConfigJson.Deserialize<VaeOptions>(document.RootElement, "config.json"));
        }
    }

    private static (string Name, byte[] Bytes)[] Unpack(byte[] zip)
    {
        using var archive = new ZipArchive(new MemoryStream(zip));
        return [.. archive.Entries.Select(e =>
        {
            using Stream entry = e.Open();
            using var bytes = new MemoryStream();
            entry.CopyTo(bytes);
            return (e.FullName, bytes.ToArray());
        })];
    }

    private static byte[] Pack((string Name, byte[] Bytes)[] entries)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in entries)
            {
                using Stream entry = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
                entry.Write(bytes);
            }
        }

        return stream.ToArray();
    }
}
