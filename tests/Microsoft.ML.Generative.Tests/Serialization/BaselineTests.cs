using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Model files of earlier versions keep loading, and compute what they computed when they were written.</summary>
public sealed class BaselineTests
{
    private readonly MLContext _ml = new(seed: 1);

    // One quarter is light, another one in each plane.
    private IDataView Images => _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 12).Select(row => new ImageRow
    {
        Picture = [.. Enumerable.Range(0, 3 * 8 * 8)
            .Select(i => (byte)((i / 32 % 2 * 2 + i / 4 % 2 == (row + i / 64) % 4 ? 180 : 20) + (i * 5 + row * 11) % 60))],
        Kind = (uint)row % 3,
    }).ToArray());

    [Fact]
    public void A_VAE_of_format_1()
    {
        // LatentSize 2, HiddenSizes 4, on digits.
        using var model = Load<VaeTransformer>("vae-format-1.zip", "Image", "Label");
        Close([250.75824f, 176.15341f, 223.65508f], model.Transform(_ml.Generative().Datasets.Digits(3, seed: 2))
            .GetColumn<float>("NegativeElbo"));
        Close([0.25940907f, 0.28851697f, 0.32717797f], model.Decode([0.5f, -1f])[400..403]);
    }

    [Fact]
    public void A_VAE_of_format_2()
    {
        // Convolutional (channels 4 and 6), discretized logistic, labels, LatentSize 3, the latent column named Z.
        using var model = Load<VaeTransformer>("vae-format-2.zip", "Picture", "Kind");
        Assert.Equal((3, 3, 192), (model.LatentSize, model.LabelCount, model.RowSize));
        IDataView output = model.Transform(Images);
        Close([1138.0747f, 1113.059f, 1103.6038f], output.GetColumn<float>("NegativeElbo").Take(3));
        Close([0.23488961f, -0.12598129f, 0.8094486f], output.GetColumn<float[]>("Z").First());
        Close([0.46329477f, 0.4157752f, 0.46314898f], model.Decode([0.5f, -1, 0.25f], label: 2)[100..103]);
    }

    [Fact]
    public void A_VQ_VAE_of_format_1()
    {
        // CodebookSize 8, CodeSize 4, one layer of prior, the codes' column named Tokens.
        using var model = Load<VqVaeTransformer>("vq-vae-format-1.zip", "Picture", "Kind");
        Assert.Equal((8, 2, 2, 192), (model.CodebookSize, model.CodesHeight, model.CodesWidth, model.RowSize));
        IDataView output = model.Transform(Images);
        Assert.Equal([[3, 3, 7, 4], [6, 3, 5, 0], [6, 4, 3, 3]], output.GetColumn<int[]>("Tokens").Take(3));
        Close([0.0049656364f, 0.0050077206f, 0.004359359f], output.GetColumn<float>("ReconstructionError").Take(3));
        Close([4.7114105f, 5.5385046f, 5.004529f], output.GetColumn<float>("NegativeLogPrior").Take(3));
        Close([0.1769431f, 0.1758097f, 0.34608972f], model.Decode([0, 1, 2, 3])[100..103]);
        Close([0.13594458f, 0.11651076f, 0.20717034f], model.Generate(1, new() { Seed = 3 }).GetColumn<float[]>("Generated")
            .Single()[100..103]);
    }

    // Both ways of loading.
    private static TModel Load<TModel>(string name, params string[] columns)
        where TModel : class, ITransformer, IDisposable
    {
        string path = Path.Combine(AppContext.BaseDirectory, "Baselines", name);
        Assert.IsType<TModel>(new MLContext().Generative().LoadModel(path, out DataViewSchema? checkedSchema)).Dispose();
        Assert.Equal(columns, checkedSchema!.Select(c => c.Name));
        ITransformer model = new MLContext().Model.Load(path, out DataViewSchema schema);
        Assert.Equal(columns, schema.Select(c => c.Name));
        return Assert.IsType<TModel>(model);
    }

    private static void Close(float[] expected, IEnumerable<float> actual) =>
        Assert.Equal(expected, actual, (e, a) => Math.Abs(e - a) <= 1e-4f * (1 + Math.Abs(e)));

    private sealed class ImageRow
    {
        [VectorType(3, 8, 8)]
        public byte[] Picture { get; set; } = [];

        [KeyType(3)]
        public uint Kind { get; set; }
    }
}
