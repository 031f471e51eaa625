using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class VaeMemoryTests
{
    private static readonly VaeOptions _options = new()
    {
        InputColumnName = "Pixels",
        LatentSize = 2,
        HiddenSizes = [8],
        Epochs = 2,
        EmaDecay = 0.9,
        BatchSize = 16,
        ValidationData = TinyImages.AsVectors(new MLContext(), 20),
    };

    [Fact]
    public void No_tensor_is_left_behind_by_scoring_drawing_and_decoding()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = TinyImages.AsVectors(ml, 50);
        using VaeTransformer model = Train(ml, rows);
        void Work()
        {
            _ = model.Transform(rows).GetColumn<float>("NegativeElbo").Sum();
            _ = model.Generate(20).GetColumn<float[]>("Generated").Count();
            _ = model.Decode(model.Encode(new float[TinyImages.Height * TinyImages.Width]));
        }

        Assert.Equal(0, Growth(Work));
    }

    [Fact]
    public void No_tensor_is_left_behind_by_training_saving_and_loading()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = TinyImages.AsVectors(ml, 50);
        void Work()
        {
            using var file = new MemoryStream();
            using (VaeTransformer model = Train(ml, rows))
                ml.Model.Save(model, rows.Schema, file);
            file.Position = 0;
            ((IDisposable)ml.Model.Load(file, out _)).Dispose();
        }

        // TorchSharp counts a parameter twice when it is made and once when it is disposed of; the memory itself is released. There are
        // four networks: the trained one, the loaded one, and two without memory, one whose size is weighed before the training and one
        // whose shapes are compared with the file's.
        long countedForNetworks = 4 * Growth(() => new VaeNetwork(VaeArchitecture.Of(_options, new RowShape(null, 48))).Dispose());
        Assert.Equal(countedForNetworks, Growth(Work));
    }

    private static long Growth(Action work) => TensorCounts.Growth(work, times: 20);

    private static VaeTransformer Train(MLContext ml, IDataView rows) => ml.Transforms.Generative().Vae(_options).Fit(rows);
}
