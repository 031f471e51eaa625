using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>A network that predicts noise, image or velocity from a noisy image, its time and its conditions.</summary>
internal abstract class DenoiserNetwork(string name) : nn.Module(name), IAdaptable<DenoiserNetwork>
{
    public abstract AdaptableNetwork Adaptable { get; }

    /// <param name="x">Noisy images, [batch, channels, height, width].</param>
    /// <param name="time">Times in the unit of timesteps, [batch], Float32.</param>
    /// <param name="conditions">What the images are conditioned on.</param>
    /// <returns>[batch, channels out, height, width], Float32.</returns>
    public abstract Tensor Forward(Tensor x, Tensor time, ConditionValues conditions);

    /// <summary>Whether another network has the same parameters.</summary>
    public bool IsAlike(DenoiserNetwork other) => Sizes(this).SequenceEqual(Sizes(other));

    public DenoiserNetwork Share() => Share(dropout: 0);

    /// <inheritdoc cref="IAdaptable{TSelf}.Share"/>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    public DenoiserNetwork Share(double dropout)
    {
        DenoiserNetwork network = ModuleTensors.WithoutValues(() => CreateAlike(dropout));
        try
        {
            network.to(parameters().First().device);
            ModuleWeights.Share(this, network);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    public DenoiserNetwork ShareForMerging(LoraWeights adapter) => adapter.ShareInto(Share());

    private static IEnumerable<string> Sizes(DenoiserNetwork network) =>
        ModuleWeights.Of(network).Select(t => $"{t.Name} {string.Join(' ', t.Tensor.shape)}");

    /// <summary>Creates a network of the same form.</summary>
    protected abstract DenoiserNetwork CreateAlike(double dropout);

    /// <summary>Bytes of all weights and buffers; what a model file has.</summary>
    public static long Bytes(nn.Module network) => network.state_dict().Values.Sum(t => t.numel() * t.element_size());
}
