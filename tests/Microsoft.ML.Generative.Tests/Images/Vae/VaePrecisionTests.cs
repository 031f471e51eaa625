namespace Microsoft.ML.Generative.Tests;

public sealed class VaePrecisionTests
{
    [Theory]
    [InlineData(VaeNetworkKind.Mlp)]
    [InlineData(VaeNetworkKind.Convolutional)]
    public void Trained_in_BFloat16_the_loss_is_that_of_Float32_within_one_percent(VaeNetworkKind architecture)
    {
        var ml = new MLContext(seed: 2);
        IDataView data = TinyImages.AsVectors(ml, 64);
        double NegativeElbo(ComputePrecision precision)
        {
            using VaeTransformer model = ml.Transforms.Generative().Vae(new VaeOptions
            {
                InputColumnName = "Pixels",
                Network = architecture,
                ConvolutionChannels = [8],
                HiddenSizes = [32],
                LatentSize = 2,
                Epochs = 60,
                BatchSize = 16,
                Precision = precision,
            }).Fit(data);
            return ml.Generative().EvaluateVae(model.Transform(data)).NegativeElbo;
        }

        double exact = NegativeElbo(ComputePrecision.Float32);
        double rounded = NegativeElbo(ComputePrecision.BFloat16);
        Assert.NotEqual(exact, rounded);
        Assert.InRange(rounded / exact, 0.99, 1.01);
    }
}
