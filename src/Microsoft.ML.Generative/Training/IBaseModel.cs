using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>A model that a training can continue from.</summary>
internal interface IBaseModel
{
    /// <summary>The network, to be read while it is in use.</summary>
    torch.nn.Module Network { get; }

    /// <summary>Keeps the network's memory until the result is disposed of.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    IDisposable Use();
}
