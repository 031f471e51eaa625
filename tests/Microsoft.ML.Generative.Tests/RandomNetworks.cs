using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Networks that compute as after a training.</summary>
internal static class RandomNetworks
{
    /// <summary>A network with random weights that are large enough for differences to show, biases and gains included.</summary>
    public static TNetwork Create<TNetwork>(Func<TNetwork> create)
        where TNetwork : torch.nn.Module
    {
        TNetwork network = TorchSeed.Initialize(5, create);
        using IDisposable noGradient = torch.no_grad();
        using var generator = new torch.Generator(17);
        foreach (TorchSharp.Modules.Parameter parameter in network.parameters())
        {
            using torch.Tensor noise = torch.randn(parameter.shape, generator: generator);
            parameter.add_(noise, 0.3);
        }

        network.eval();
        return network;
    }
}
