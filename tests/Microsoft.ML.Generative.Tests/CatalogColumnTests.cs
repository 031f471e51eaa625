using System.Reflection;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The flat overloads take columns in ML.NET's order: output, input, then others.</summary>
public sealed class CatalogColumnTests
{
    private readonly MLContext _ml = new(seed: 1);

    private GenerativeTransformsCatalog Catalog => _ml.Transforms.Generative();

    [Fact]
    public void Output_columns_come_first_and_input_columns_second()
    {
        MethodInfo[] flat = [.. typeof(GenerativeTransformsCatalog)
            .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(method => method.GetParameters().Any(p => p.Name == "inputColumnName")
                && method.GetParameters().Any(p => p.Name == "outputColumnName"))];
        Assert.Equal(
            [
                "Diffusion", "Flow", "Gan", "LanguageModel", "MusicToPianoRoll", "MusicToText", "SentenceEmbedding", "SequenceToSequence",
                "TextEmbedding", "ToImage", "Vae", "VqVae",
            ],
            flat.Select(method => method.Name).Distinct().Order());
        Assert.All(
            flat,
            method => Assert.Equal(["outputColumnName", "inputColumnName"], method.GetParameters().Take(2).Select(p => p.Name)));
    }

    [Fact]
    public void Outputs_have_the_name_that_is_given()
    {
        Assert.Contains("Z", Promise(Catalog.Vae("Z", "Pixels", latentSize: 2, epochs: 1)));
        Assert.Contains("Z", Promise(Catalog.VqVae("Z", "Pixels", codebookSize: 4)));
        Assert.Contains("Z", Promise(Catalog.Diffusion("Z", "Pixels", "Class", epochs: 1)));
        Assert.Contains("Z", Promise(Catalog.Gan("Z", "Pixels", "Class")));
        Assert.Contains("Z", Promise(Catalog.Flow("Z", "Pixels", "Class")));
        Assert.Contains("Z", Promise(Catalog.LanguageModel("Z", "Text", contextLength: 8)));
        string[] classified = Promise(Catalog.ImageClassifier("Class", "Pixels", "P", "Predicted", epochs: 1));
        Assert.Contains("P", classified);
        Assert.Contains("Predicted", classified);

        // Without an input, both are one column, as in ML.NET.
        Assert.DoesNotContain("Latent", Promise(Catalog.Vae("Pixels", null)));
        Assert.Contains("'Z'", Assert.ThrowsAny<ArgumentException>(() => Promise(Catalog.Vae("Z", null))).Message);
        // The input alone has default names of outputs.
        Assert.Contains("Latent", Promise(Catalog.Vae("Pixels")));
        Assert.Contains("Generated", Promise(Catalog.Gan("Pixels", labelColumnName: "Class")));
        Assert.Throws<ArgumentException>(() => Catalog.Gan("", "Pixels"));
    }

    [Fact]
    public void A_transform_reads_the_second_column_and_adds_the_first()
    {
        IDataView data = Data();
        using VaeTransformer model = Catalog.Vae("Z", "Pixels", latentSize: 3, epochs: 1).Fit(data);
        IDataView rows = model.Transform(data);
        Assert.Equal(3, rows.GetColumn<float[]>("Z").First().Length);
        Assert.Null(rows.Schema.GetColumnOrNull("Latent"));
    }

    private string[] Promise<T>(IEstimator<T> estimator)
        where T : class, ITransformer =>
        [.. estimator.GetOutputSchema(SchemaShapes.Of(Data().Schema)).Select(column => column.Name)];

    private IDataView Data() => _ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, 4)
            .Select(i => new Row { Pixels = [.. Enumerable.Repeat(i / 4f, 64)], Text = "abc", Class = (uint)i % 2 + 1 }).ToArray());

    private sealed class Row
    {
        [Microsoft.ML.Data.VectorType(1, 8, 8)]
        public float[] Pixels { get; set; } = [];

        public string Text { get; set; } = "";

        [Microsoft.ML.Data.KeyType(2)]
        public uint Class { get; set; }
    }
}
