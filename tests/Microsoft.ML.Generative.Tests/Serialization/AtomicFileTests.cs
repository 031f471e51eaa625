using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_file_appears_only_when_it_is_complete()
    {
        string path = _folder.File("a.bin");
        AtomicFile.Write(path, stream =>
        {
            stream.Write([1, 2, 3]);
            Assert.False(File.Exists(path));
        });
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void An_older_file_is_replaced_whole()
    {
        string path = _folder.File("a.bin");
        File.WriteAllBytes(path, [9, 9, 9, 9]);
        AtomicFile.Write(path, stream => stream.WriteByte(1));
        Assert.Equal([1], File.ReadAllBytes(path));
    }

    [Fact]
    public void A_failure_leaves_the_older_file_and_nothing_else()
    {
        string path = _folder.File("a.bin");
        File.WriteAllBytes(path, [9]);
        Assert.Throws<TimeoutException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new TimeoutException();
        }));
        Assert.Equal([9], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_folder_is_not_written_over_and_the_writer_not_called()
    {
        var error = Assert.Throws<IOException>(() =>
            AtomicFile.Write(_folder.Path, _ => Assert.Fail("The path should have been refused first.")));
        Assert.Contains("is a folder", error.Message);
    }
}
