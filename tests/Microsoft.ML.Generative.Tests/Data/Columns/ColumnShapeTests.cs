using System.Reflection;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Columns that a model cannot learn as they are, and what is said of them before the training.</summary>
public sealed class ColumnShapeTests
{
    private readonly MLContext _ml = new(seed: 1);

    private GenerativeTransformsCatalog Catalog => _ml.Transforms.Generative();

    [Fact]
    public void Pixels_in_the_order_of_interleaved_colors_are_refused()
    {
        IDataView interleaved = _ml.Data.LoadFromEnumerable([new InterleavedRow { Image = new float[8 * 8 * 3] }]);
        IDataView ambiguous = _ml.Data.LoadFromEnumerable([new AmbiguousRow { Image = new float[4 * 4 * 3] }]);
        foreach (IEstimator<ITransformer> estimator in (IEstimator<ITransformer>[])[
            Catalog.Vae(), Catalog.VqVae(), Catalog.Gan(), Catalog.Diffusion(), Catalog.Flow("Image"),
            Catalog.Diffusion(new DiffusionOptions { Channels = 3, Height = 8, Width = 8 })])
        {
            string message = Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(interleaved)).Message;
            Assert.Contains("Column 'Image' has the dimensions 8 × 8 × 3", message);
            Assert.Contains("interleavePixelColors: false", message);
            Assert.ThrowsAny<ArgumentException>(() => estimator.Fit(ambiguous));
        }
    }

    [Fact]
    public void Dimensions_that_may_be_of_either_order_are_asked_about()
    {
        IDataView ambiguous = _ml.Data.LoadFromEnumerable([new AmbiguousRow { Image = new float[4 * 4 * 3] }]);
        VaeOptions Options() => new() { HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 };
        string message = Assert.Throws<ArgumentOutOfRangeException>(() => Catalog.Vae(Options()).Fit(ambiguous)).Message;
        Assert.Contains("4 × 4 × 3, which may be those of channels × height × width or of height × width × channels", message);
        Assert.Contains("set Channels, Height and Width", message);
        VaeOptions planar = Options();
        (planar.Channels, planar.Height, planar.Width) = (4, 4, 3);
        using VaeTransformer model = Catalog.Vae(planar).Fit(ambiguous);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 4, 4, 3), model.Transform(ambiguous).Schema["Reconstruction"].Type);
    }

    [Fact]
    public void A_model_refuses_images_in_another_order_than_those_it_learned()
    {
        using VaeTransformer model = Catalog.Vae(new VaeOptions { HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 })
            .Fit(_ml.Data.LoadFromEnumerable([new PlanarRow { Image = new float[8 * 8 * 3] }]));
        string message = Assert.Throws<ArgumentOutOfRangeException>(
            () => model.Transform(_ml.Data.LoadFromEnumerable([new InterleavedRow { Image = new float[8 * 8 * 3] }]))).Message;
        Assert.Contains("Column 'Image' has the dimensions 8 × 8 × 3; expected 3 × 8 × 8", message);
    }

    [Fact]
    public void One_channel_is_the_same_in_either_order()
    {
        IDataView gray = _ml.Data.LoadFromEnumerable([new GrayRow { Image = [.. Enumerable.Range(0, 48).Select(i => i / 48f)] }]);
        using VaeTransformer model = Catalog.Vae(new VaeOptions { HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 }).Fit(gray);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 1, 6, 8), model.Transform(gray).Schema["Reconstruction"].Type);
    }

    [Fact]
    public void A_schema_without_images_is_refused_as_the_data_would_be()
    {
        IDataView table = _ml.Data.LoadFromEnumerable([new TableRow()]);
        foreach (string column in (string[])["Number", "Name", "Missing"])
        {
            foreach (IEstimator<ITransformer> estimator in (IEstimator<ITransformer>[])[
                Catalog.VqVae(column), Catalog.Diffusion(column), Catalog.ImageClassifier("Label", column)])
            {
                // The types that ML.NET's own estimators throw.
                Assert.Contains($"'{column}'", Assert.Throws<ArgumentOutOfRangeException>(() =>
                    estimator.GetOutputSchema(SchemaShapes.Of(table.Schema))).Message);
                Assert.Contains($"'{column}'", Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(table)).Message);
            }
        }
    }

    [Fact]
    public void A_table_is_sent_to_the_models_that_learn_tables()
    {
        string message = Assert.Throws<ArgumentOutOfRangeException>(() =>
            Catalog.Diffusion("Vector").Fit(_ml.Data.LoadFromEnumerable([new TableRow()]))).Message;
        Assert.Contains("The shape of the images in column 'Vector' is unknown: set Height and Width", message);
        Assert.Contains("Vae, Gan and Flow", message);
    }

    [Theory]
    [InlineData("gan")]
    [InlineData("vae")]
    public void Unscaled_values_are_named_with_the_normalizer_before_the_training(string family)
    {
        IDataView unscaled = _ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 8).Select(i => new TableRow { Vector = [1, i == 5 ? 1_000 : 2, 3] }).ToArray());
        IEstimator<ITransformer> estimator = family == "gan"
            ? Catalog.Gan(new GanOptions { InputColumnName = "Vector", HiddenSizes = [4], LatentSize = 2, MaxSteps = 2 })
            : Catalog.Vae(new VaeOptions
            {
                InputColumnName = "Vector",
                Likelihood = VaeLikelihood.Gaussian,
                HiddenSizes = [4],
                LatentSize = 2,
                MaxSteps = 2,
            });
        string message = Assert.Throws<InvalidDataException>(() => estimator.Fit(unscaled)).Message;
        Assert.Contains("Column 'Vector', row 5: value 1 is 1000; expected -100 to 100", message);
        Assert.Contains("NormalizeMeanVariance", message);

        // A trained model scores what it has never seen, however unusual.
        var scaled = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new TableRow { Vector = [0, i / 8f, -1] }).ToArray());
        ITransformer model = estimator.Fit(scaled);
        using var owned = (IDisposable)model;
        Assert.Equal(8, Rows.Read(model.Transform(unscaled)).Count);
    }

    [Fact]
    public void A_normalized_column_under_the_likelihood_of_intensities_names_the_option()
    {
        IDataView normalized = _ml.Data.LoadFromEnumerable([new TableRow { Vector = [0, -0.5f, 1] }]);
        string message = Assert.Throws<InvalidDataException>(() =>
            Catalog.Vae(new VaeOptions { InputColumnName = "Vector", Epochs = 1 }).Fit(normalized)).Message;
        Assert.Contains("Column 'Vector', row 0: value 1 is -0.5; expected 0 to 1", message);
        Assert.Contains("set Likelihood to Gaussian", message);
        Assert.Contains("NormalizeMinMax", message);
    }

    [Fact]
    public void A_conversion_to_ONNX_is_refused_in_a_pipeline_too()
    {
        IDataView table = _ml.Data.LoadFromEnumerable([new TableRow { Vector = [0, 0.5f, 1] }]);
        using var chain = Catalog.Vae(new VaeOptions { InputColumnName = "Vector", HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 })
            .Append(_ml.Transforms.CopyColumns("Copy", "Latent")).Fit(table);

        // The way that ML.NET's converter goes: from the last data view to its source, as long as these are transforms.
        IDataView view = chain.Transform(table);
        string message = Assert.Throws<NotSupportedException>(() =>
        {
            while (view.GetType().GetInterface("ITransformCanSaveOnnx") is not null && CanSave(view))
                view = (IDataView)view.GetType().GetInterface("IDataTransform")!.GetProperty("Source")!.GetValue(view)!;
        }).Message;
        Assert.Contains("VaeTransformer cannot be converted to ONNX", message);

        static bool CanSave(IDataView view) =>
            (bool)view.GetType().GetInterface("ICanSaveOnnx")!.GetMethod("CanSaveOnnx")!.Invoke(
                view, BindingFlags.DoNotWrapExceptions, null, [null], null)!;
    }

    private sealed class InterleavedRow
    {
        [VectorType(8, 8, 3)]
        public float[] Image { get; set; } = [];
    }

    private sealed class AmbiguousRow
    {
        [VectorType(4, 4, 3)]
        public float[] Image { get; set; } = [];
    }

    private sealed class PlanarRow
    {
        [VectorType(3, 8, 8)]
        public float[] Image { get; set; } = [];
    }

    private sealed class GrayRow
    {
        [VectorType(6, 8, 1)]
        public float[] Image { get; set; } = [];
    }

    private sealed class TableRow
    {
        public float Number { get; set; }

        public string Name { get; set; } = "";

        [KeyType(2)]
        public uint Label { get; set; }

        [VectorType(3)]
        public float[] Vector { get; set; } = [0, 0, 0];
    }
}
