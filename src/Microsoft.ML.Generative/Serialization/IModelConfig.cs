using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>What a model file says of a network beside its weights.</summary>
internal interface IModelConfig<out TNetwork>
    where TNetwork : torch.nn.Module
{
    /// <summary>Size of the network's weights in the file.</summary>
    long WeightBytes { get; }

    /// <summary>The network, with weights drawn from libtorch's own generator.</summary>
    TNetwork CreateNetwork();

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    void Validate();
}
