using System.IO.Compression;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

public sealed class IdxReaderTests : IDisposable
{
    private static readonly byte[] _values = TinyDataset.Bytes(5 * 4 * 3, i => i * 7);
    private static readonly byte[] _file = TinyDataset.Idx([5, 4, 3], _values);
    private readonly string _folder = Directory.CreateTempSubdirectory("idx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_plain_file_is_read() => Assert.Equal(_values, Read(_file));

    [Fact]
    public void A_gzip_file_is_known_by_its_content_whatever_its_name() => Assert.Equal(_values, Read(TinyDataset.Gzip(_file)));

    [Fact]
    public void The_published_layout_is_read()
    {
        // The first bytes of the published description: 0x00000801, the number of items, the labels.
        byte[] labels = [0, 0, 8, 1, 0, 0, 1, 2, .. TinyDataset.Bytes(258, i => i % 10)];
        var path = Write(labels);

        Assert.Equal([0, 1, 2], IdxReader.Read(path, 258)[..3]);
    }

    [Fact]
    public void Another_magic_number_is_refused() => Refused([0x89, 0x50, .. _file[2..]], "magic number 89500803");

    [Fact]
    public void Values_of_another_type_are_refused() => Refused(TinyDataset.Idx([5, 4, 3], _values, type: 0x0D), "type 0x0D");

    [Fact]
    public void Another_number_of_dimensions_is_refused() => Refused(TinyDataset.Idx([60], _values), "1 dimensions, expected 3 (5×4×3)");

    [Fact]
    public void Other_dimensions_are_refused() => Refused(TinyDataset.Idx([4, 5, 3], _values), "4×5×3, expected 5×4×3");

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_dimension_below_one_is_refused(int dimension) => Refused(TinyDataset.Idx([5, dimension, 3], _values), "dimension 2");

    [Fact]
    public void Dimensions_that_overflow_are_refused() => Refused(TinyDataset.Idx([65536, 65536, 65536], _values), "multiply to more");

    [Fact]
    public void A_file_that_ends_in_its_header_is_refused() => Refused(_file[..13], "within the header");

    [Fact]
    public void An_empty_file_is_refused() => Refused([], "within the header");

    [Fact]
    public void A_truncated_file_is_refused() => Refused(_file[..^1], "truncated: 59 of 60");

    [Fact]
    public void Bytes_after_the_values_are_refused() => Refused([.. _file, 0], "bytes after its 60 values");

    [Fact]
    public void Bytes_after_the_values_in_gzip_are_refused() => Refused(TinyDataset.Gzip([.. _file, 0]), "bytes after its 60 values");

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(20)]
    public void A_gzip_file_that_is_cut_is_refused(int missing) => Refused(TinyDataset.Gzip(_file)[..^missing], "");

    [Fact]
    public void Bytes_after_the_gzip_archive_are_refused() => Refused([.. TinyDataset.Gzip(_file), 1, 2, 3], "does not end as it should");

    [Theory]
    [InlineData(5)]
    [InlineData(8)]
    public void A_gzip_file_whose_check_sum_is_wrong_is_refused(int fromEnd)
    {
        var zipped = TinyDataset.Gzip(_file);
        zipped[^fromEnd] ^= 1;
        Refused(zipped, "");
    }

    [Fact]
    public void Damage_within_gzip_is_refused()
    {
        // Stored without compression, so that nothing but the check sum can notice.
        using MemoryStream stored = new();
        using (GZipStream gzip = new(stored, CompressionLevel.NoCompression))
            gzip.Write(_file);
        var zipped = stored.ToArray();
        zipped[zipped.AsSpan().IndexOf(_values.AsSpan(10, 20)) + 3] ^= 0x40;
        Refused(zipped, "");
    }

    [Fact]
    public void A_gzip_file_that_unfolds_without_end_is_not_unfolded()
    {
        var bomb = TinyDataset.Gzip([.. _file, .. new byte[64 << 20]]);
        var path = Write(bomb);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains(
            "bytes after", Assert.Throws<InvalidDataException>(() => IdxReader.Read(path, 5, 4, 3)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_header_that_promises_more_than_the_file_can_hold_is_refused_before_room_is_made(bool zipped)
    {
        var file = TinyDataset.Idx([30_000, 100, 100], _values);
        var path = Write(zipped ? TinyDataset.Gzip(file) : file);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Assert.Throws<InvalidDataException>(() => IdxReader.Read(path, 30_000, 100, 100));

        Assert.Contains("promises 300,000,000 values", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private byte[] Read(byte[] content) => IdxReader.Read(Write(content), 5, 4, 3);

    private void Refused(byte[] content, string reason)
    {
        var path = Write(content);
        var error = Assert.Throws<InvalidDataException>(() => IdxReader.Read(path, 5, 4, 3));
        Assert.Contains($"'{path}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private string Write(byte[] content)
    {
        var path = Path.Combine(_folder, "values.gz");
        File.WriteAllBytes(path, content);
        return path;
    }
}
