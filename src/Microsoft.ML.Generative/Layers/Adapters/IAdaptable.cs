using TorchSharp;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>A network that can have adapters.</summary>
/// <typeparam name="TSelf">The network's own type.</typeparam>
internal interface IAdaptable<TSelf>
    where TSelf : torch.nn.Module, IAdaptable<TSelf>
{
    /// <summary>The layers that adapters can change, and the modules that can be trained beside them.</summary>
    AdaptableNetwork Adaptable { get; }

    /// <summary>Creates another network with the memory of this one, which has no adapters and may be disposed of before it.</summary>
    TSelf Share();

    /// <summary>Creates a network with this one's values as floats and an adapter attached, so that it can be merged.</summary>
    /// <param name="adapter">The adapter, which stays as it is.</param>
    TSelf ShareForMerging(LoraWeights adapter);
}
