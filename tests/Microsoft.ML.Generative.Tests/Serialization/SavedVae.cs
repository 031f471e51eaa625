using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A small pipeline with a transform of ML.NET and one of ours, trained and saved once.</summary>
public sealed class SavedVae
{
    public SavedVae()
    {
        IDataView data = TinyImages.AsVectors(Ml, 16);
        using TransformerChain<VaeTransformer> chain = Ml.Transforms.CopyColumns("Features", "Pixels")
            .Append(Ml.Transforms.Generative().Vae(
                new VaeOptions { InputColumnName = "Features", LatentSize = 2, HiddenSizes = [4], Epochs = 1 })).Fit(data);
        Expected = Rows(chain.LastTransformer);
        var stream = new MemoryStream();
        Ml.Model.Save(chain, data.Schema, stream);
        Zip = stream.ToArray();
    }

    public MLContext Ml { get; } = new(seed: 1);

    public byte[] Zip { get; }

    /// <summary>What the model makes of fixed inputs.</summary>
    public float[] Expected { get; }

    public static float[] Rows(VaeTransformer model)
    {
        float[] row = [.. Enumerable.Range(0, model.RowSize).Select(i => i % 7 / 7f)];
        return [.. model.Encode(row), .. model.Decode([0.5f, -1])];
    }
}
