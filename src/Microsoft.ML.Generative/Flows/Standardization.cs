using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>Values of mean 0 and standard deviation 1, by the means and standard deviations of the training data.</summary>
internal sealed class Standardization : nn.Module
{
    private readonly Tensor mean;
    private readonly Tensor deviation;

    public Standardization(long size)
        : base(nameof(Standardization))
    {
        mean = ModuleTensors.Zeros(size);
        deviation = ModuleTensors.Ones(size);
        RegisterComponents();
    }

    /// <summary>Takes the means and standard deviations, [values] each.</summary>
    public void Set(Tensor means, Tensor deviations)
    {
        using IDisposable noGradient = no_grad();
        mean.copy_(means);
        deviation.copy_(deviations);
    }

    /// <summary>Standardized values, [batch, values], and the log-determinant, a scalar.</summary>
    public (Tensor Y, Tensor LogDeterminant) Encode(Tensor x) => ((x - mean) / deviation, -deviation.log().sum());

    public Tensor Decode(Tensor y) => (y * deviation).Plus(mean);
}
