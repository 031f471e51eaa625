using Microsoft.ML.Data;
using SkiaSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Which files are rows, in which order, under which label.</summary>
public sealed class ImageFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _ml = new(1);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sub_folders_are_labels_whose_key_values_are_their_names()
    {
        // The ordinal order has capitals before small letters, and nothing else decides it.
        Put("b/2.png", 30);
        Put("b/10.png", 20);
        Put("a/deep/down/x.PNG", 10);
        Put("Z/y.jpg", 5, SKEncodedImageFormat.Jpeg);

        var view = Read();

        VBuffer<ReadOnlyMemory<char>> names = default;
        view.Schema["Label"].GetKeyValues(ref names);
        Assert.Equal(["Z", "a", "b"], names.DenseValues().Select(name => name.ToString()));
        Assert.Equal([1u, 2, 3, 3], view.GetColumn<uint>("Label"));
        Assert.Equal([5, 10, 20, 30], Grays(view));
        Assert.Equal(4, view.GetRowCount());
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Byte, 3, 2, 4), view.Schema["Image"].Type);
    }

    [Fact]
    public void Equal_sub_folders_have_equal_keys_also_where_one_has_no_images()
    {
        Put("dark/1.png", 10);
        Put("light/deep/2.png", 200);
        Directory.CreateDirectory(_folder.File("mid/deep"));
        Directory.CreateDirectory(_folder.File(".hidden"));

        var view = Read(channels: 1);

        VBuffer<ReadOnlyMemory<char>> names = default;
        view.Schema["Label"].GetKeyValues(ref names);
        Assert.Equal(["dark", "light", "mid"], names.DenseValues().Select(name => name.ToString()));
        Directory.Delete(_folder.File("light"), recursive: true);
        Directory.CreateDirectory(_folder.File("light"));
        Put("mid/3.png", 100);
        Assert.Equal([1u, 3], Read(channels: 1).GetColumn<uint>("Label"));
    }

    [Fact]
    public void An_image_that_is_turned_upright_is_told_of_once()
    {
        MLContext ml = new();
        List<string> warnings = Logs.Warnings(ml);
        byte[] jpeg = Images.Encode(8, 8, (_, _) => SKColors.Gray, SKEncodedImageFormat.Jpeg);
        Put("1.png", 1);
        IDataView view = ml.Generative().Datasets.ImageFolder(_folder.Path, 4, 2);
        Assert.Single(view.GetColumn<byte[]>("Image"));
        Assert.Empty(warnings);

        foreach (string name in (string[])["2.jpg", "3.jpg"])
            File.WriteAllBytes(_folder.File(name), Images.WithOrientation(jpeg, 6));
        view = ml.Generative().Datasets.ImageFolder(_folder.Path, 4, 2);
        Assert.Equal(3, view.GetColumn<byte[]>("Image").Count());
        Assert.Equal(3, view.GetColumn<byte[]>("Image").Count());
        Assert.Contains("2.jpg', and perhaps others, is turned upright as its EXIF orientation says", Assert.Single(warnings));
        Assert.Contains("LoadImages", warnings[0]);
    }

    [Fact]
    public void Without_sub_folders_there_is_no_label()
    {
        Put("2.png", 2);
        Put("1.png", 1);
        Directory.CreateDirectory(_folder.File("empty"));

        var view = Read(channels: 1);

        Assert.Equal("Image", Assert.Single(view.Schema).Name);
        Assert.Equal([1, 2], Grays(view));
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Byte, 1, 2, 4), view.Schema["Image"].Type);
    }

    [Fact]
    public void Other_files_and_hidden_ones_are_passed_over()
    {
        Put("a/1.png", 1);
        File.WriteAllText(_folder.File("a/notes.txt"), "not an image");
        File.WriteAllText(_folder.File("LICENSE"), "neither");
        File.WriteAllText(_folder.File("a/._1.png"), "what macOS leaves");
        Put(".thumbnails/1.png", 2);

        var view = Read();

        Assert.Equal([1], Grays(view));
        Assert.Equal([1u], view.GetColumn<uint>("Label"));
    }

    [Fact]
    public void Images_beside_folders_of_images_are_refused()
    {
        Put("a/1.png", 1);
        Put("2.png", 2);
        var error = Assert.Throws<ArgumentException>(() => Read());
        Assert.Contains("('2.png')", error.Message, StringComparison.Ordinal);
        Assert.Contains("('a/1.png')", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_not_there_or_has_no_images_is_refused_by_name()
    {
        Assert.Contains(_folder.File("none"), Assert.Throws<DirectoryNotFoundException>(() =>
            _ml.Generative().Datasets.ImageFolder(_folder.File("none"), 2, 2)).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder.File("notes.txt"), "");
        var error = Assert.Throws<ArgumentException>(() => Read());
        Assert.Contains(_folder.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains(".jpeg", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 2, 3, "imageWidth")]
    [InlineData(2, 10_000, 3, "imageHeight")]
    [InlineData(2, 2, 2, "channels")]
    [InlineData(2, 2, 4, "channels")]
    public void Sizes_out_of_range_are_refused_by_name(int width, int height, int channels, string name) =>
        Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(() =>
            _ml.Generative().Datasets.ImageFolder(_folder.Path, width, height, channels)).ParamName);

    [Fact]
    public void A_image_is_decoded_when_it_is_asked_for_and_a_bad_one_is_named_then()
    {
        Put("1.png", 1);
        File.WriteAllText(_folder.File("2.png"), "not an image");
        Put("3.png", 3);
        var view = Read();
        using var cursor = view.GetRowCursor(view.Schema);
        var getter = cursor.GetGetter<VBuffer<byte>>(view.Schema["Image"]);
        VBuffer<byte> image = default;

        Assert.True(cursor.MoveNext());
        getter(ref image);
        Assert.Equal(1, image.GetItemOrDefault(0));
        Assert.True(cursor.MoveNext());
        Assert.Contains(
            $"'{_folder.File("2.png")}'", Assert.Throws<InvalidDataException>(() => getter(ref image)).Message, StringComparison.Ordinal);
        Assert.True(cursor.MoveNext());
        File.Delete(_folder.File("3.png"));
        Assert.Contains(
            _folder.File("3.png"), Assert.Throws<FileNotFoundException>(() => getter(ref image)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_that_leads_round_in_a_circle_is_refused_by_name()
    {
        Put("a/1.png", 1);
        Directory.CreateSymbolicLink(_folder.File("a/loop"), _folder.Path);
        var error = Assert.Throws<ArgumentException>(() => Read());
        Assert.Contains($"'{_folder.File("a/loop")}' is a link to a folder ('{_folder.Path}')", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_to_files_are_read_and_one_that_leads_nowhere_is_named()
    {
        using TemporaryFolder elsewhere = new();
        File.WriteAllBytes(elsewhere.File("x.png"), Gray(7));
        Directory.CreateDirectory(_folder.File("a"));
        File.CreateSymbolicLink(_folder.File("a/1.png"), elsewhere.File("x.png"));
        Assert.Equal([7], Grays(Read()));

        File.Delete(elsewhere.File("x.png"));
        Assert.Contains(
            _folder.File("a/1.png"), Assert.Throws<FileNotFoundException>(() => Grays(Read())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_on_several_threads_shuffled_or_split_are_the_same_rows()
    {
        for (var i = 0; i < 150; i++)
            Put($"{i % 2}/{i:D3}.png", (byte)i);
        var view = Read();
        int[] expected = [.. Enumerable.Range(0, 150).OrderBy(i => i % 2)];

        var pipeline = _ml.Transforms.Conversion.ConvertType("Single", "Image", DataKind.Single);
        Assert.Equal(expected, pipeline.Fit(view).Transform(view).GetColumn<float[]>("Single").Select(values => (int)values[0]));
        Assert.Equal(expected.Order(), Grays(_ml.Data.ShuffleRows(view, 1)).Select(gray => (int)gray).Order());
        var split = _ml.Data.TrainTestSplit(view, 0.2);
        Assert.Equal(expected.Order(), Grays(split.TrainSet).Concat(Grays(split.TestSet)).Select(gray => (int)gray).Order());
    }

    [Fact]
    public void A_VAE_learns_from_it_as_it_is()
    {
        for (var i = 0; i < 12; i++)
            Put($"{(i % 2 == 0 ? "dark" : "light")}/{i}.png", (byte)(i % 2 == 0 ? 10 + i : 240 - i));
        var view = _ml.Generative().Datasets.ImageFolder(_folder.Path, 8, 8);

        using var model = _ml.Transforms.Generative().Vae(new VaeOptions
        {
            Network = VaeNetworkKind.Convolutional,
            LabelColumnName = "Label",
            LatentSize = 2,
            MaxSteps = 40,
            LearningRate = 1e-2,
        }).Fit(view);

        Assert.Equal((192, 2), (model.RowSize, model.LabelCount));
        Assert.True(model.Generate(4, new() { Label = 0, Seed = 1 }).GetColumn<float[]>("Generated").SelectMany(v => v).Average() + 0.2
            < model.Generate(4, new() { Label = 1, Seed = 1 }).GetColumn<float[]>("Generated").SelectMany(v => v).Average());
    }

    private IDataView Read(int channels = 3) =>
        _ml.Generative().Datasets.ImageFolder(_folder.Path, imageWidth: 4, imageHeight: 2, channels);

    private static byte[] Grays(IDataView view) => [.. view.GetColumn<byte[]>("Image").Select(image => Assert.Single(image.Distinct()))];

    private static byte[] Gray(byte gray, SKEncodedImageFormat format = SKEncodedImageFormat.Png) =>
        Images.Encode(5, 3, (_, _) => new SKColor(gray, gray, gray), format);

    private void Put(string name, byte gray, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        File.WriteAllBytes(_folder.File(name), Gray(gray, format));
    }
}
