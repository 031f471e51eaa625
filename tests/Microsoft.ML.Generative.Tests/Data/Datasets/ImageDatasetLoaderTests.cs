using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageDatasetLoaderTests : IDisposable
{
    // Nothing listens there: connections are refused at once.
    private static readonly Uri _nowhere = new("http://127.0.0.1:1/");

    private readonly TinyDataset _data = new();
    private readonly HttpClient _client = new() { Timeout = Timeout.InfiniteTimeSpan };

    public void Dispose()
    {
        _client.Dispose();
        _data.Dispose();
    }

    [Fact]
    public void Files_in_the_data_directory_are_read()
    {
        _data.WriteTo(_data.Home);

        var (train, test) = Load();

        Assert.Equal((TinyDataset.TrainCount, TinyDataset.TestCount), (train.Count, test.Count));
        Assert.Equal(TinyDataset.Bytes(TinyDataset.TrainCount * 6, i => i % 251), train.Pixels);
        Assert.Equal(TinyDataset.Bytes(TinyDataset.TestCount, i => 2 - i % 3), test.Classes);
        Assert.Equal(new ImageShape(1, 3, 2), train.Shape);
    }

    [Fact]
    public void Files_without_gzip_are_read_too()
    {
        _data.WriteTo(_data.Home, "train-labels.gz", "test-images.gz", "test-labels.gz");
        File.WriteAllBytes(Path.Combine(_data.Home, "train-images"), TinyDataset.Idx(
            [TinyDataset.TrainCount, 3, 2], new byte[TinyDataset.TrainCount * 6]));

        Assert.All(Load().Train.Pixels, pixel => Assert.Equal(0, pixel));
    }

    [Fact]
    public void A_copy_that_was_packed_anew_is_judged_by_its_content()
    {
        _data.WriteTo(_data.Home);
        var packed = TinyDataset.Gzip(TinyDataset.Idx([TinyDataset.TestCount], new byte[TinyDataset.TestCount]));
        Assert.NotEqual(_data["test-labels.gz"], packed);
        File.WriteAllBytes(Path.Combine(_data.Home, "test-labels.gz"), packed);

        Assert.All(Load().Test.Classes, label => Assert.Equal(0, label));
    }

    [Fact]
    public void The_system_s_files_are_read_after_the_user_s()
    {
        var system = Path.Combine(_data.Folder, "system");
        _data.WriteTo(Path.Combine(system, "tiny"));
        _data.WriteTo(_data.Home);
        File.WriteAllBytes(
            Path.Combine(_data.Home, "test-labels.gz"), TinyDataset.Idx([TinyDataset.TestCount], new byte[TinyDataset.TestCount]));
        File.Delete(Path.Combine(_data.Home, "train-labels.gz"));

        var (train, test) = Load(system);

        Assert.Equal(TinyDataset.Bytes(TinyDataset.TrainCount, i => i % 3), train.Classes);
        Assert.All(test.Classes, label => Assert.Equal(0, label));
    }

    [Fact]
    public async Task Files_that_are_nowhere_are_downloaded_to_the_data_directory()
    {
        await using var server = ScriptedServer.Of(name => _data[name]);
        _data.WriteTo(_data.Home, "train-labels.gz");

        var (train, _) = Load(address: server.Address);

        Assert.Equal(TinyDataset.Bytes(TinyDataset.TrainCount * 6, i => i % 251), train.Pixels);
        Assert.Equal(["test-images.gz", "test-labels.gz", "train-images.gz"], server.Requests.Select(request => request.Name).Order());
        Assert.Equal(4, Directory.GetFiles(_data.Home).Length);
        Load(address: _nowhere);
    }

    [Fact]
    public void Offline_the_error_names_each_missing_file_its_place_and_its_address()
    {
        _data.WriteTo(_data.Home, "train-images.gz", "test-labels.gz");

        var error = Assert.Throws<FileNotFoundException>(() => Load());

        foreach (var name in new[] { "train-labels.gz", "test-images.gz" })
        {
            Assert.Contains(
                $"  {Path.Combine(_data.Home, name)}  (from {_nowhere}{name}, {_data[name].Length:N0} bytes)", error.Message,
                StringComparison.Ordinal);
        }
        Assert.DoesNotContain("train-images", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{_nowhere}train-labels.gz could not be downloaded", error.Message, StringComparison.Ordinal);
        Assert.Equal(Path.Combine(_data.Home, "train-labels.gz"), error.FileName);
    }

    [Fact]
    public void Labels_and_images_of_different_number_are_refused()
    {
        _data.WriteTo(_data.Home);
        File.WriteAllBytes(Path.Combine(_data.Home, "train-labels.gz"), TinyDataset.Idx(
            [TinyDataset.TrainCount - 1], new byte[TinyDataset.TrainCount - 1]));

        Assert.Contains("19, expected 20", Refusal("train-labels.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_without_a_class_is_refused_with_its_place()
    {
        _data.WriteTo(_data.Home);
        File.WriteAllBytes(Path.Combine(_data.Home, "test-labels.gz"), TinyDataset.Idx(
            [TinyDataset.TestCount], TinyDataset.Bytes(TinyDataset.TestCount, i => i == 7 ? 3 : 0)));

        Assert.Contains("label 8 is 3, expected 0 to 2", Refusal("test-labels.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_in_the_place_of_labels_are_refused()
    {
        _data.WriteTo(_data.Home);
        File.Copy(Path.Combine(_data.Home, "train-images.gz"), Path.Combine(_data.Home, "train-labels.gz"), overwrite: true);

        Assert.Contains("3 dimensions, expected 1", Refusal("train-labels.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_token_stops_before_anything_is_read()
    {
        _data.WriteTo(_data.Home);
        Assert.Throws<OperationCanceledException>(() =>
            Loader([]).Load(_data.Source(_nowhere), null, new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task Cancelling_ends_a_download_with_the_ordinary_exception()
    {
        using CancellationTokenSource stop = new();
        await using ScriptedServer server = new((_, _, _) =>
        {
            stop.Cancel();
            return Task.Delay(Timeout.Infinite);
        });

        Assert.ThrowsAny<OperationCanceledException>(() => Loader([]).Load(_data.Source(server.Address), null, stop.Token));
    }

    [Fact]
    public void Pins_are_complete_and_encrypted()
    {
        foreach (var source in new ImageDatasetSource[]
        {
            ImageDatasetSources.Mnist, ImageDatasetSources.FashionMnist, ImageDatasetSources.Kmnist, ImageDatasetSources.Cifar10,
        })
        {
            Assert.Equal("https", source.BaseAddress.Scheme);
            Assert.EndsWith("/", source.BaseAddress.AbsoluteUri, StringComparison.Ordinal);
            Assert.Equal(10, source.ClassNames.Distinct().Count());
            Assert.Equal(source.Files.Count, source.Files.Select(file => file.Sha256).Distinct().Count());
            Assert.All(source.Files, file => Assert.Matches("^[0-9a-f]{64}$", file.Sha256));
        }
    }

    [DataFileFact("mnist/train-labels-idx1-ubyte.gz", "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz")]
    public void Pins_of_MNIST_are_those_of_the_original_files()
    {
        foreach (var file in ImageDatasetSources.Mnist.Files.Skip(1))
        {
            var content = File.ReadAllBytes(DataFile.Find($"mnist/{file.Name}")!);
            Assert.Equal(file, new DatasetFile(
                file.Name, content.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content))));
        }
    }

    private (StoredImages Train, StoredImages Test) Load(string? systemFolder = null, Uri? address = null) =>
        Loader(systemFolder is null ? [] : [systemFolder]).Load(_data.Source(address ?? _nowhere), null, default);

    private ImageDatasetLoader Loader(string[] systemFolders) =>
        new(_data.Folder, systemFolders, new DatasetDownloader(_client, TimeSpan.FromSeconds(20)));

    private string Refusal(string name)
    {
        var message = Assert.Throws<InvalidDataException>(() => Load()).Message;
        Assert.Contains($"'{Path.Combine(_data.Home, name)}'", message, StringComparison.Ordinal);
        return message;
    }
}
