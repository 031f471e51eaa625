using Microsoft.ML.Generative.Layers.Adapters;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The networks of a model: the encoder with its adapter, if it has one, and the head, if it has one.</summary>
internal sealed class EncoderNetworks : IDisposable
{
    /// <param name="encoder">The encoder; it belongs to this object from now on.</param>
    /// <param name="head">The head; it belongs to this object from now on.</param>
    public EncoderNetworks(AdaptedNetwork<EncoderNetwork> encoder, torch.nn.Module? head = null)
    {
        (Encoder, Head) = (encoder, head);
        Model = new EncoderModel(encoder.Network, head);
        Model.eval();
    }

    public AdaptedNetwork<EncoderNetwork> Encoder { get; }

    public torch.nn.Module? Head { get; }

    /// <summary>All that computes.</summary>
    public EncoderModel Model { get; }

    /// <summary>All modules in the order of the model's components.</summary>
    public torch.nn.Module[] Modules => [.. new torch.nn.Module?[] { Encoder.Base, Head, Encoder.Active }.OfType<torch.nn.Module>()];

    public void Dispose()
    {
        Model.Dispose();
        Encoder.Dispose();
        Head?.Dispose();
    }
}
