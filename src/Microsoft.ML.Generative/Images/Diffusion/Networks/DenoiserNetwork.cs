using Microsoft.ML.Generative.Conditions;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>A network that predicts noise, image or velocity from a noisy image, its time and its conditions.</summary>
internal abstract class DenoiserNetwork(string name) : nn.Module(name)
{
    /// <param name="x">Noisy images, [batch, channels, height, width].</param>
    /// <param name="time">Times in the unit of timesteps, [batch], Float32.</param>
    /// <param name="conditions">What the images are conditioned on.</param>
    /// <returns>[batch, channels out, height, width], Float32.</returns>
    public abstract Tensor Forward(Tensor x, Tensor time, ConditionValues conditions);

    /// <summary>Bytes of all weights and buffers; what a model file has.</summary>
    public static long Bytes(nn.Module network) => network.state_dict().Values.Sum(t => t.numel() * t.element_size());
}
