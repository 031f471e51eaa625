using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

public sealed class CifarDatasetTests : IDisposable
{
    // Nothing listens there: connections are refused at once.
    private static readonly Uri _nowhere = new("http://127.0.0.1:1/");

    private static readonly byte[] _archive = TinyCifar.Archive();

    private readonly TemporaryFolder _folder = new();
    private readonly HttpClient _client = new() { Timeout = Timeout.InfiniteTimeSpan };

    private string Home => Directory.CreateDirectory(Path.Combine(_folder.Path, "tiny")).FullName;

    public void Dispose()
    {
        _client.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Unpacked_files_are_read_plain_and_in_gzip()
    {
        Put(TinyCifar.Names[0], TinyCifar.File(0));
        Put(TinyCifar.Names[1] + ".gz", TinyDataset.Gzip(TinyCifar.File(1)));
        Put(TinyCifar.Names[2], TinyCifar.File(2));

        CheckContent(Load());
    }

    [Fact]
    public void The_archive_is_read_without_being_unpacked()
    {
        Put("tiny.tar.gz", _archive);

        CheckContent(Load());
        Assert.Equal(["tiny.tar.gz"], Directory.GetFiles(Home).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_is_not_complete_is_downloaded_as_the_archive()
    {
        await using var server = ScriptedServer.Of(_ => _archive);
        Put(TinyCifar.Names[0], TinyCifar.File(0));

        CheckContent(Load(server.Address));

        Assert.Equal("tiny.tar.gz", Assert.Single(server.Requests).Name);
        CheckContent(Load());
    }

    [Fact]
    public void Offline_the_error_names_the_archive_and_the_files_that_would_do_instead()
    {
        Put(TinyCifar.Names[0] + ".gz", TinyCifar.File(0));

        var error = Assert.Throws<FileNotFoundException>(() => Load());

        Assert.Contains(
            $"  {Path.Combine(Home, "tiny.tar.gz")}  (from {_nowhere}tiny.tar.gz, {_archive.Length:N0} bytes)", error.Message,
            StringComparison.Ordinal);
        Assert.EndsWith("to the same folder: data_batch_2.bin, test_batch.bin", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_have_planes_of_colors_and_names_of_classes()
    {
        Put("tiny.tar.gz", _archive);
        ByteImageDataView view = new(Load().Train);

        Assert.True(ImageShape.TryGet(view.Schema["Image"].Type, out var shape));
        Assert.Equal(new ImageShape(3, 32, 32), shape);
        Assert.Equal(["a", "b", "c", "d", "a", "b"], new MLContext().Transforms.Conversion.MapKeyToValue("Label").Fit(view).Transform(view)
            .GetColumn<string>("Label"));
    }

    [Theory]
    [InlineData(1, "truncated: 9,218 of 9,219 bytes are there, 2 of 3 records")]
    [InlineData(3073, "truncated: 6,146 of 9,219 bytes are there, 2 of 3 records")]
    [InlineData(9219, "truncated: 0 of 9,219 bytes are there, 0 of 3 records")]
    public void A_truncated_file_is_refused_with_what_is_there(int missing, string reason) =>
        Refused(TinyCifar.File(1)[..^missing], reason);

    [Fact]
    public void Bytes_after_the_records_are_refused() => Refused([.. TinyCifar.File(1), 0], "bytes after its 3 records of 3,073 bytes");

    [Fact]
    public void A_label_without_a_class_is_refused_with_its_record()
    {
        var file = TinyCifar.File(1);
        file[2 * 3073] = 4;
        Refused(file, "record 3 has the label 4, expected 0 to 3");
    }

    [Fact]
    public void A_cut_gzip_file_is_refused() => Refused(TinyDataset.Gzip(TinyCifar.File(1))[..^4], "");

    [Fact]
    public void Another_archive_of_the_same_name_is_refused()
    {
        Put("tiny.tar.gz", _archive[..^1]);
        var error = Assert.Throws<InvalidDataException>(() => Load());
        Assert.Contains($"'{Path.Combine(Home, "tiny.tar.gz")}'", error.Message, StringComparison.Ordinal);
        Assert.Contains($"it has {_archive.Length - 1:N0} bytes, expected {_archive.Length:N0}", error.Message, StringComparison.Ordinal);

        Put("tiny.tar.gz", [.. _archive[..^1], (byte)(_archive[^1] ^ 1)]);
        Assert.Contains("SHA-256", Assert.Throws<InvalidDataException>(() => Load()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_that_lacks_a_file_or_holds_a_bad_one_is_refused_with_its_name()
    {
        var lacking = TinyCifar.Archive((TinyCifar.Names[0], TinyCifar.File(0)), (TinyCifar.Names[2], TinyCifar.File(2)));
        Put("tiny.tar.gz", lacking);
        Assert.Contains(
            "data_batch_2.bin is not in it", Assert.Throws<InvalidDataException>(() => Load(archive: lacking)).Message,
            StringComparison.Ordinal);

        var bad = TinyCifar.Archive((TinyCifar.Names[0], TinyCifar.File(0)[1..]));
        Put("tiny.tar.gz", bad);
        Assert.Contains(
            "'cifar-10-batches-bin/data_batch_1.bin' in it: it is truncated",
            Assert.Throws<InvalidDataException>(() => Load(archive: bad)).Message, StringComparison.Ordinal);
    }

    private void Refused(byte[] secondFile, string reason)
    {
        Put(TinyCifar.Names[0], TinyCifar.File(0));
        Put(TinyCifar.Names[1], secondFile);
        Put(TinyCifar.Names[2], TinyCifar.File(2));

        var message = Assert.Throws<InvalidDataException>(() => Load()).Message;
        Assert.Contains($"'{Path.Combine(Home, TinyCifar.Names[1])}'", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    private static void CheckContent((StoredImages Train, StoredImages Test) data)
    {
        Assert.Equal([0, 1, 2, 3, 0, 1], data.Train.Classes);
        Assert.Equal([2, 3, 0], data.Test.Classes);
        Assert.Equal(TinyCifar.Pixels(0, 1, 2, 3, 4, 5), data.Train.Pixels);
        Assert.Equal(TinyCifar.Pixels(6, 7, 8), data.Test.Pixels);
    }

    private (StoredImages Train, StoredImages Test) Load(Uri? address = null, byte[]? archive = null) =>
        new ImageDatasetLoader(_folder.Path, [], new DatasetDownloader(_client, TimeSpan.FromSeconds(20))).Load(
            TinyCifar.Source(address ?? _nowhere, archive ?? _archive), null, default);

    private void Put(string name, byte[] content) => File.WriteAllBytes(Path.Combine(Home, name), content);
}
