using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>A network that tells noise, image or velocity from a noisy image and its time.</summary>
internal abstract class DenoiserNetwork(string name) : nn.Module(name)
{
    /// <summary>What the network says of noisy images.</summary>
    /// <param name="x">Noisy images and what else they are conditioned on by channels, [batch, channels, height, width].</param>
    /// <param name="time">Times in the unit of timesteps, [batch], Float32.</param>
    /// <param name="labels">Classes, [batch], Int64; <see langword="null"/> for a network without.</param>
    /// <returns>[batch, channels out, height, width], Float32.</returns>
    public abstract Tensor Forward(Tensor x, Tensor time, Tensor? labels);

    /// <summary>Bytes of all weights and buffers; what a model file has.</summary>
    public static long Bytes(nn.Module network) => network.state_dict().Values.Sum(t => t.numel() * t.element_size());
}
