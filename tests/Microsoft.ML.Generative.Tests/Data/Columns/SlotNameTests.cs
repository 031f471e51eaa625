using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Values of generated and reconstructed rows keep the names of the values learned.</summary>
public sealed class SlotNameTests
{
    private readonly MLContext _ml = new(seed: 1);

    private IDataView Table => _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 16).Select(i => new Row
    {
        Length = i / 16f,
        Weight = i % 4 / 4f,
    }).ToArray());

    [Theory]
    [InlineData("vae", "Reconstruction")]
    [InlineData("gan", "Generated")]
    [InlineData("flow", null)]
    public void Names_of_columns_put_together_are_kept(string family, string? output)
    {
        GenerativeTransformsCatalog catalog = _ml.Transforms.Generative();
        IEstimator<ITransformer> estimator = family switch
        {
            "vae" => catalog.Vae(new VaeOptions { InputColumnName = "Features", LatentSize = 2, HiddenSizes = [4], Epochs = 1 }),
            "gan" => catalog.Gan(new GanOptions { InputColumnName = "Features", LatentSize = 2, HiddenSizes = [4], Epochs = 1 }),
            _ => catalog.Flow(new FlowOptions { CouplingLayers = 2, HiddenSizes = [4], Epochs = 1 }),
        };
        var pipeline = _ml.Transforms.Concatenate("Features", "Length", "Weight").Append(estimator);
        using TransformerChain<ITransformer> chain = pipeline.Fit(Table);
        using var file = new MemoryStream();
        _ml.Model.Save(chain, Table.Schema, file);
        file.Position = 0;
        using var loaded = (TransformerChain<ITransformer>)new MLContext().Model.Load(file, out _);
        foreach (ITransformer model in (ITransformer[])[chain.LastTransformer, loaded.LastTransformer])
        {
            IDataView generated = model switch
            {
                VaeTransformer vae => vae.Generate(1),
                GanTransformer gan => gan.Generate(1),
                FlowTransformer flow => flow.Generate(1),
                _ => throw new NotSupportedException(),
            };
            Assert.Equal(["Length", "Weight"], NamesOf(generated.Schema["Generated"]));
        }

        if (output is null)
            return;
        Assert.Equal(["Length", "Weight"], NamesOf(chain.Transform(Table).Schema[output]));
        SchemaShape.Column promised = pipeline.GetOutputSchema(SchemaShapes.Of(Table.Schema)).Single(column => column.Name == output);
        Assert.Contains(promised.Annotations, column => column.Name == "SlotNames");
    }

    private static IEnumerable<string> NamesOf(DataViewSchema.Column column)
    {
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.GetSlotNames(ref names);
        return [.. names.DenseValues().Select(name => name.ToString())];
    }

    private sealed class Row
    {
        public float Length { get; set; }

        public float Weight { get; set; }
    }
}
