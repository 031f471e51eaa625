using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>z becomes a row.</summary>
internal abstract class GeneratorNetwork(string name) : nn.Module(name)
{
    /// <param name="z">[batch, latent].</param>
    /// <param name="labels">[batch], classes from 0; for networks with labels.</param>
    /// <returns>[batch, ..row shape]; images in −1..1.</returns>
    public abstract Tensor Forward(Tensor z, Tensor? labels);
}
