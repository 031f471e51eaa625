using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>A training in one process, which has the gradient of the whole step.</summary>
internal sealed class SingleProcess : IGradientExchange
{
    private SingleProcess()
    {
    }

    public static SingleProcess Instance { get; } = new();

    public double TotalWeight(double weight) => weight;

    public void Sum(torch.Tensor gradients)
    {
    }
}
