using System.Formats.Tar;
using System.IO.Compression;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// An image data set in the binary form of CIFAR-10: an archive of files of equally many records, which is read without unpacking it to
/// disk.
/// </summary>
internal sealed record CifarDatasetSource : ImageDatasetSource
{
    public required DatasetFile Archive { get; init; }

    public IReadOnlyList<string> TrainFiles { get; init; } = [.. Enumerable.Range(1, 5).Select(i => $"data_batch_{i}.bin")];

    public string TestFile { get; init; } = "test_batch.bin";

    public int RecordsInFile { get; init; } = 10_000;

    public override IReadOnlyList<DatasetFile> Files => [Archive];

    public override IReadOnlyList<string> UnpackedFiles => [.. TrainFiles, TestFile];

    public override (StoredImages Train, StoredImages Test) Read(
        IReadOnlyDictionary<string, string> paths, CancellationToken cancellationToken)
    {
        StoredImages train = Room(TrainFiles.Count), test = Room(1);
        if (paths.TryGetValue(Archive.Name, out var archive))
        {
            ReadArchive(archive, train, test, cancellationToken);
            return (train, test);
        }

        foreach (var name in UnpackedFiles)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (classes, pixels) = PlaceOf(name, train, test)!.Value;
            CifarReader.Read(paths[name], ClassNames.Count, classes, pixels);
        }
        return (train, test);
    }

    private void ReadArchive(string path, StoredImages train, StoredImages test, CancellationToken cancellationToken)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        // Whoever has it from elsewhere has the authors' own bytes or something else. On the pool, as downloads are.
        if (Task.Run(() => Archive.FindFaultAsync(file, cancellationToken), cancellationToken).GetAwaiter().GetResult() is { } fault)
        {
            throw new InvalidDataException(
                $"'{path}' is not the archive that the authors of {Title} published: {fault}. Delete it, to have it downloaded again.");
        }

        file.Position = 0;
        HashSet<string> missing = [.. UnpackedFiles];
        using GZipStream unzipped = new(file, CompressionMode.Decompress);
        using TarReader entries = new(unzipped);
        while (missing.Count > 0 && entries.GetNextEntry() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
            if (entry.DataStream is not { } content || PlaceOf(name, train, test) is not { } place || !missing.Remove(name))
                continue;
            try
            {
                CifarReader.ReadRecords(content, ClassNames.Count, place.Classes.Span, place.Pixels.Span);
            }
            catch (InvalidDataException reason)
            {
                throw new InvalidDataException($"'{path}' cannot be used, because of '{entry.Name}' in it: {reason.Message}", reason);
            }
        }
        if (missing.Count > 0)
        {
            throw new InvalidDataException(
                $"'{path}' cannot be used: {string.Join(", ", missing.Order(StringComparer.Ordinal))} is not in it.");
        }
    }

    private StoredImages Room(int files) => new(
        GC.AllocateUninitializedArray<byte>(checked(files * RecordsInFile * CifarReader.Shape.Size)), new byte[files * RecordsInFile],
        CifarReader.Shape, ClassNames);

    private (Memory<byte> Classes, Memory<byte> Pixels)? PlaceOf(string name, StoredImages train, StoredImages test)
    {
        var (images, part) = name == TestFile ? (test, 0) : (train, TrainFiles.ToList().IndexOf(name));
        if (part < 0)
            return null;
        var size = RecordsInFile * CifarReader.Shape.Size;
        return (images.Classes.AsMemory(part * RecordsInFile, RecordsInFile), images.Pixels.AsMemory(part * size, size));
    }
}
