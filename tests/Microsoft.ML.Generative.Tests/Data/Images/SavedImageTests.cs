using Microsoft.ML.Data;
using SkiaSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>From columns of images to files and images of ML.NET.</summary>
public sealed class SavedImageTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Two images of 3×2 pixels; the values of the second are beyond 0..1 in places.
    private IDataView Gray => _ml.Data.LoadFromEnumerable([
        new GrayRow { Generated = [0, 0.2f, 0.4f, 0.6f, 0.8f, 1] },
        new GrayRow { Generated = [-1, 2, 0.5f, 0.1f, 1.0001f, -0.0001f] }]);

    private IDataView Colors =>
        _ml.Data.LoadFromEnumerable([new ColorRow { Generated = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120] }]);

    [Fact]
    public void Gray_images_are_opaque_and_gray()
    {
        IReadOnlyList<string> paths = Gray.SaveImages(_folder.File("made/here"));
        Assert.Equal([_folder.File("made/here/00000.png"), _folder.File("made/here/00001.png")], paths);
        Assert.Equal([0, 51, 102, 153, 204, 255], Pixels(paths[0]).Select(p => p.Red));
        Assert.Equal([0, 255, 128, 26, 255, 0], Pixels(paths[1]).Select(p => p.Red));
        Assert.All(paths.SelectMany(Pixels), p => Assert.Equal((p.Red, p.Red, (byte)255), (p.Green, p.Blue, p.Alpha)));
    }

    [Fact]
    public void Planes_are_red_green_and_blue()
    {
        string path = Colors.SaveImages(_folder.Path)[0];
        Assert.Equal([new SKColor(10, 50, 90), new SKColor(20, 60, 100), new SKColor(30, 70, 110), new SKColor(40, 80, 120)], Pixels(path));
    }

    [Fact]
    public void A_grid_has_the_images_row_by_row_on_white()
    {
        string path = _folder.File("sub/grid.PNG");
        _ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 3).Select(i => new GrayRow { Generated = [.. Enumerable.Repeat(i / 5f, 6)] }).ToArray())
            .SaveImageGrid(path, columns: 2);
        using SKBitmap grid = SKBitmap.Decode(path);
        Assert.Equal((3 + 1 + 3, 2 + 1 + 2), (grid.Width, grid.Height));
        Assert.Equal((0, 51, 102), (grid.GetPixel(2, 1).Red, grid.GetPixel(4, 0).Red, grid.GetPixel(0, 4).Red));
        Assert.Equal((255, 255, 255), (grid.GetPixel(3, 0).Red, grid.GetPixel(0, 2).Red, grid.GetPixel(5, 4).Red));
    }

    [Fact]
    public void A_generated_image_is_the_pixels_that_were_generated()
    {
        IDataView digits = _ml.Generative().Datasets.Digits(20, seed: 1);
        using VaeTransformer model = _ml.Transforms.Generative()
            .Vae(new VaeOptions { HiddenSizes = [4], LatentSize = 2, MaxSteps = 2, Seed = 1 }).Fit(digits);
        IDataView generated = model.Generate(2, new() { Seed = 1 });
        MLImage[] images = [.. generated.ToMLImages()];
        float[] first = generated.GetColumn<float[]>("Generated").First();
        Assert.Equal(first.Select(v => (byte)Math.Round(v * 255.0)), images[0].Pixels.ToArray().Where((_, i) => i % 4 == 0));
        Assert.Equal((2, 28, 28), (images.Length, images[0].Width, images[0].Height));

        // Bytes and images of ML.NET, too.
        Assert.Equal(
            digits.GetColumn<byte[]>("Image").First(), digits.ToMLImages("Image").First().Pixels.ToArray().Where((_, i) => i % 4 == 0));
        IDataView converted = _ml.Transforms.Generative().ToImage("Picture", "Image").Fit(digits).Transform(digits);
        Assert.Equal(digits.ToMLImages("Image").First().Pixels.ToArray(), converted.ToMLImages("Picture").First().Pixels.ToArray());
    }

    [Theory]
    [InlineData("Label", "'Label' has type Key")]
    [InlineData("Other", "'Other' is missing")]
    [InlineData("Plain", "The shape of the images in column 'Plain' is unknown")]
    public void A_column_without_images_is_named(string column, string expected)
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new PlainRow { Label = 1, Plain = new float[4] }]);
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(() => data.SaveImages(_folder.File("none"), column)).Message);
        Assert.Contains(
            expected, Assert.ThrowsAny<ArgumentException>(() => data.SaveImageGrid(_folder.File("none.png"), columnName: column)).Message);
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(() => data.ToMLImages(column)).Message);
        Assert.False(Directory.Exists(_folder.File("none")));
    }

    [Fact]
    public void What_no_grid_can_be_made_of_is_refused()
    {
        Assert.Contains("'grid.jpg'; expected a name that ends in .png", Assert.Throws<ArgumentException>(() =>
            Gray.SaveImageGrid("grid.jpg")).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Gray.SaveImageGrid(_folder.File("a.png"), columns: 0));
        IDataView none = _ml.Data.SkipRows(Gray, 9);
        Assert.Contains("empty", Assert.Throws<ArgumentException>(() => none.SaveImageGrid(_folder.File("a.png"))).Message);
        Assert.Empty(none.SaveImages(_folder.File("nothing")));
        IDataView wrong = _ml.Data.LoadFromEnumerable([new GrayRow { Generated = [0, 0, float.NaN, 0, 0, 0] }]);
        Assert.Contains(
            "Column 'Generated', row 0: value 2 is NaN", Assert.Throws<InvalidDataException>(() => wrong.SaveImages(_folder.Path)).Message);
    }

    [Fact]
    public void Vectors_become_images_in_a_pipeline_that_is_saved_and_loaded()
    {
        IDataView plain = _ml.Data.LoadFromEnumerable(
            [new PlainRow { Label = 1, Plain = [0, 0.2f, 0.4f, 1] }, new PlainRow { Label = 2, Plain = [1, 1, 0, 0] }]);
        VectorToImageEstimator estimator = _ml.Transforms.Generative().ToImage("Picture", "Plain", height: 2, width: 2);
        Assert.Contains(estimator.GetOutputSchema(SchemaShapes.Of(plain.Schema)), column => column.Name == "Picture"
            && column.ItemType is Microsoft.ML.Transforms.Image.ImageDataViewType);
        VectorToImageTransformer model = estimator.Fit(plain);
        using var file = new MemoryStream();
        _ml.Model.Save(model, plain.Schema, file);
        foreach (ITransformer each in (ITransformer[])[model, Loaded(file), Checked(file)])
        {
            IDataView output = each.Transform(plain);
            Assert.Equal([0, 51, 102, 255], output.ToMLImages("Picture").First().Pixels.ToArray().Where((_, i) => i % 4 == 0));
            // ML.NET's own transforms take them.
            IDataView pixels = _ml.Transforms.ExtractPixels("Pixels", "Picture", scaleImage: 1f / 255).Fit(output).Transform(output);
            float[] second = pixels.GetColumn<float[]>("Pixels").Last();
            Assert.Equal([1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0], second);
        }

        Assert.Contains("'Plain' is unknown", Assert.ThrowsAny<ArgumentException>(() =>
            _ml.Transforms.Generative().ToImage("Picture", "Plain").Fit(plain)).Message);
        Assert.Contains("'Label'", Assert.ThrowsAny<ArgumentException>(() =>
            _ml.Transforms.Generative().ToImage("Picture", "Label").Fit(plain)).Message);

        static ITransformer Loaded(MemoryStream file)
        {
            file.Position = 0;
            return new MLContext().Model.Load(file, out _);
        }

        ITransformer Checked(MemoryStream file)
        {
            File.WriteAllBytes(_folder.File("model.zip"), file.ToArray());
            return new MLContext().Generative().LoadModel(_folder.File("model.zip"), out _);
        }
    }

    [Theory]
    [InlineData("vae", "Reconstruction")]
    [InlineData("vq-vae", "Reconstruction")]
    [InlineData("gan", "Generated")]
    [InlineData("diffusion", "Generated")]
    public void A_model_adds_a_column_of_images_where_asked_for(string family, string column)
    {
        IDataView colors = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 6).Select(i => new PhotoRow
        {
            Image = [.. Enumerable.Range(0, 3 * 16 * 16).Select(p => (byte)(p * (i + 3)))],
        }).ToArray());
        GenerativeTransformsCatalog catalog = _ml.Transforms.Generative();
        IEstimator<ITransformer> estimator = family switch
        {
            "vae" =>
                catalog.Vae(new VaeOptions { ReconstructionImageColumnName = "Picture", HiddenSizes = [8], LatentSize = 2, MaxSteps = 2 }),
            "vq-vae" => catalog.VqVae(new VqVaeOptions
            {
                ReconstructionImageColumnName = "Picture",
                HiddenChannels = 4,
                CodebookSize = 4,
                MaxSteps = 2,
                PriorEpochs = 1,
            }),
            "gan" => catalog.Gan(
                new GanOptions { GeneratedImageColumnName = "Picture", BaseChannels = 2, LatentSize = 2, BatchSize = 3, MaxSteps = 2 }),
            _ => catalog.Diffusion(TinyDiffusion.Options().With(o =>
                (o.MaxSteps, ((DiffusionOptions)o).InputColumnName, ((DiffusionOptions)o).GeneratedImageColumnName) = (
                    2, "Image", "Picture"))),
        };
        Assert.Contains(estimator.GetOutputSchema(SchemaShapes.Of(colors.Schema)), c =>
            c is { Name: "Picture", ItemType: Microsoft.ML.Transforms.Image.ImageDataViewType });
        ITransformer model = estimator.Fit(colors);
        using var owned = (IDisposable)model;
        using var file = new MemoryStream();
        _ml.Model.Save(model, colors.Schema, file);
        file.Position = 0;
        ITransformer loaded = new MLContext().Model.Load(file, out _);
        using var again = (IDisposable)loaded;
        foreach (IDataView output in (IDataView[])[model.Transform(colors), loaded.Transform(colors)])
        {
            float[][] vectors = [.. output.GetColumn<float[]>(column)];
            MLImage[] images = [.. output.ToMLImages("Picture")];
            Assert.Equal(6, images.Length);
            for (int i = 0; i < images.Length; i++)
            {
                byte[] expected = [.. Enumerable.Range(0, 256)
                    .SelectMany(p => (byte[])[Level(vectors[i][p]), Level(vectors[i][256 + p]), Level(vectors[i][512 + p]), 255])];
                Assert.Equal(expected, images[i].Pixels.ToArray(), (a, b) => Math.Abs(a - b) <= 1);
            }
        }

        static byte Level(float value) => (byte)Math.Round(Math.Clamp(value, 0, 1) * 255);
    }

    [Fact]
    public void Rows_that_are_no_images_have_no_column_of_images()
    {
        IDataView plain = _ml.Data.LoadFromEnumerable([new PlainRow { Plain = [0, 0.2f, 0.4f, 1] }]);
        foreach (IEstimator<ITransformer> estimator in (IEstimator<ITransformer>[])[
            _ml.Transforms.Generative().Vae(new VaeOptions { InputColumnName = "Plain", ReconstructionImageColumnName = "Picture" }),
            _ml.Transforms.Generative().Gan(new GanOptions { InputColumnName = "Plain", GeneratedImageColumnName = "Picture" })])
        {
            string message = Assert.ThrowsAny<ArgumentException>(() => estimator.Fit(plain)).Message;
            Assert.Matches("ImageColumnName is '?Picture'?, but column 'Plain' holds no images", message);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Images_that_pass_through_stay_alive(bool reuseRowObject)
    {
        MLImage[] originals = [.. Enumerable.Range(0, 20).Select(i => MLImage.CreateFromPixels(
            2, 2, MLPixelFormat.Rgba32,
            [.. Enumerable.Repeat((byte[])[(byte)(i * 10), (byte)(i * 10), (byte)(i * 10), 255], 4).SelectMany(pixel => pixel)]))];
        IDataView data = _ml.Data.LoadFromEnumerable(
            originals.Select(image => new ImageRow { Picture = image, Values = [0.5f, 0.25f] }).ToArray());
        using VaeTransformer model = _ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Values", HiddenSizes = [4], LatentSize = 2, MaxSteps = 1, TransformBatchSize = 3 })
            .Fit(data);
        IDataView output = model.Transform(data);

        Assert.Equal(originals, Read(output, reuse: true));
        ImageRow[] rows = [.. _ml.Data.CreateEnumerable<ImageRow>(output, reuseRowObject)];
        Assert.Equal(reuseRowObject ? originals.Select(_ => (byte)190) : originals.Select(i => i.Pixels[0]), rows.Select(row =>
            row.Picture!.Pixels[0]));
        Assert.All(originals, image => Assert.Equal(16, image.Pixels.Length));

        // Those that a transform makes, too.
        string[] paths = [.. data.SaveImages(_folder.Path, "Picture")];
        IDataView files = _ml.Data.LoadFromEnumerable(paths.Select(path => new FileRow { Path = path, Values = [0.5f, 0.25f] }).ToArray());
        IDataView loaded = model.Transform(_ml.Transforms.LoadImages("Picture", "", "Path").Fit(files).Transform(files));
        Assert.Equal(originals.Select(i => i.Pixels[0]), Read(loaded, reuse: false).Select(image => image.Pixels[0]));

        static List<MLImage> Read(IDataView view, bool reuse)
        {
            using DataViewRowCursor cursor = view.GetRowCursor([view.Schema["Picture"]]);
            ValueGetter<MLImage?> getter = cursor.GetGetter<MLImage?>(view.Schema["Picture"]);
            MLImage? image = null;
            List<MLImage> all = [];
            while (cursor.MoveNext())
            {
                image = reuse ? image : null;
                getter(ref image);
                all.Add(image!);
            }

            return all;
        }
    }

    private static SKColor[] Pixels(string path)
    {
        using SKBitmap image = SKBitmap.Decode(path);
        return image.Pixels;
    }

    private sealed class GrayRow
    {
        [VectorType(1, 2, 3)]
        public float[] Generated { get; set; } = [];
    }

    private sealed class ColorRow
    {
        [VectorType(3, 2, 2)]
        public byte[] Generated { get; set; } = [];
    }

    private sealed class PhotoRow
    {
        [VectorType(3, 16, 16)]
        public byte[] Image { get; set; } = [];
    }

    private sealed class ImageRow
    {
        [Microsoft.ML.Transforms.Image.ImageType(2, 2)]
        public MLImage? Picture { get; set; }

        [VectorType(2)]
        public float[] Values { get; set; } = [];
    }

    private sealed class FileRow
    {
        public string Path { get; set; } = "";

        [VectorType(2)]
        public float[] Values { get; set; } = [];
    }

    private sealed class PlainRow
    {
        [KeyType(3)]
        public uint Label { get; set; }

        [VectorType(4)]
        public float[] Plain { get; set; } = [];
    }
}
