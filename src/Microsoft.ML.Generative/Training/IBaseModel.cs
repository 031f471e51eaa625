using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>A model with a network, which a training can continue from and a summary describes.</summary>
internal interface IBaseModel
{
    /// <summary>The network, to be read while it is in use.</summary>
    torch.nn.Module Network { get; }

    /// <summary>Keeps the network's memory until the result is disposed of.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    IDisposable Use();

    /// <summary>Whether a training of the model as it is changes a parameter of the network.</summary>
    bool IsTrained(string parameter) => true;

    /// <summary>Passes rows through the whole network, whatever is in them.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="tokens">The tokens of a row, for networks of texts; as many as the context has, where that is less.</param>
    void RunExample(int rows, int tokens);
}
