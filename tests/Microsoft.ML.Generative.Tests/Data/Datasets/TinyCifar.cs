using System.Formats.Tar;
using System.Security.Cryptography;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A data set in CIFAR-10's form with three records in a file, two files to train on and one to test with.</summary>
internal static class TinyCifar
{
    public const int RecordsInFile = 3;

    public static readonly string[] Names = ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"];

    /// <summary>The n-th record of all has the class n mod 4, and the value of pixel i of color c is n + 50·c + i, in a byte.</summary>
    public static byte[] File(int number) =>
        [.. Enumerable.Range(number * RecordsInFile, RecordsInFile)
            .SelectMany(n => TinyDataset.Bytes(3 * 1024, i => n + 50 * (i / 1024) + i % 1024).Prepend((byte)(n % 4)))];

    public static byte[] Pixels(params int[] records) =>
        [.. records.SelectMany(n => TinyDataset.Bytes(3 * 1024, i => n + 50 * (i / 1024) + i % 1024))];

    public static byte[] Archive(params (string Name, byte[] Content)[] files)
    {
        using MemoryStream stream = new();
        using (TarWriter tar = new(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, "cifar-10-batches-bin/"));
            foreach (var (name, content) in files)
                tar.WriteEntry(
                    new UstarTarEntry(TarEntryType.RegularFile, $"cifar-10-batches-bin/{name}") { DataStream = new MemoryStream(content) });
        }
        return TinyDataset.Gzip(stream.ToArray());
    }

    // As in the real archive, other files lie between, and the order is not the batches'.
    public static byte[] Archive() => Archive(
        (Names[1], File(1)), ("batches.meta.txt", "airplane\n"u8.ToArray()), (Names[2], File(2)), (Names[0], File(0)),
        ("readme.html", "<html>"u8.ToArray()));

    public static CifarDatasetSource Source(Uri address, byte[] archive) => new()
    {
        Title = "Tiny",
        Folder = "tiny",
        BaseAddress = address,
        Archive = new("tiny.tar.gz", archive.Length, Convert.ToHexStringLower(SHA256.HashData(archive))),
        TrainFiles = [Names[0], Names[1]],
        RecordsInFile = RecordsInFile,
        ClassNames = ["a", "b", "c", "d"],
    };
}
