using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A data set of a few images of 3×2 pixels, in a folder that goes away, and IDX files written by hand.</summary>
internal sealed class TinyDataset : IDisposable
{
    public const int TrainCount = 20;
    public const int TestCount = 10;

    private readonly Dictionary<string, byte[]> _files = new()
    {
        ["train-images.gz"] = Gzip(Idx([TrainCount, 3, 2], Bytes(TrainCount * 6, i => i % 251))),
        ["train-labels.gz"] = Gzip(Idx([TrainCount], Bytes(TrainCount, i => i % 3))),
        ["test-images.gz"] = Gzip(Idx([TestCount, 3, 2], Bytes(TestCount * 6, i => i % 83))),
        ["test-labels.gz"] = Gzip(Idx([TestCount], Bytes(TestCount, i => 2 - i % 3))),
    };

    /// <summary>A folder that exists, empty, until disposal.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("datasets-").FullName;

    /// <summary>Where the data set's files belong.</summary>
    public string Home => Path.Combine(Folder, "tiny");

    public byte[] this[string name] => _files[name];

    public IdxDatasetSource Source(Uri address) => new()
    {
        Title = "Tiny",
        Folder = "tiny",
        BaseAddress = address,
        TrainImages = Describe("train-images.gz"),
        TrainLabels = Describe("train-labels.gz"),
        TestImages = Describe("test-images.gz"),
        TestLabels = Describe("test-labels.gz"),
        ClassNames = ["a", "b", "c"],
        TrainCount = TrainCount,
        TestCount = TestCount,
        Shape = new ImageShape(1, 3, 2),
    };

    public DatasetFile Describe(string name) => new(name, _files[name].Length, Convert.ToHexStringLower(SHA256.HashData(_files[name])));

    /// <summary>Puts the files in a folder, all of them or those named.</summary>
    public void WriteTo(string folder, params string[] names)
    {
        Directory.CreateDirectory(folder);
        foreach (var name in names.Length == 0 ? [.. _files.Keys] : names)
            File.WriteAllBytes(Path.Combine(folder, name), _files[name]);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public static byte[] Bytes(int count, Func<int, int> value) => [.. Enumerable.Range(0, count).Select(i => (byte)value(i))];

    /// <summary>An IDX file of bytes as the format's description has it.</summary>
    public static byte[] Idx(int[] dimensions, byte[] values, byte type = 8)
    {
        var file = new byte[4 + 4 * dimensions.Length + values.Length];
        (file[2], file[3]) = (type, (byte)dimensions.Length);
        for (var i = 0; i < dimensions.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + 4 * i), dimensions[i]);
        values.CopyTo(file, file.Length - values.Length);
        return file;
    }

    public static byte[] Gzip(ReadOnlySpan<byte> content)
    {
        using MemoryStream zipped = new();
        using (GZipStream gzip = new(zipped, CompressionLevel.Optimal))
            gzip.Write(content);
        return zipped.ToArray();
    }
}
