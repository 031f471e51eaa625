using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>
/// One kind of network: the layers of encoder and decoder, and the options that size them. A new kind is a class derived from this, and an
/// entry in <see cref="Of"/>.
/// </summary>
internal abstract class VaeLayers(VaeNetworkKind kind)
{
    private static readonly Dictionary<VaeNetworkKind, VaeLayers> _all =
        ((VaeLayers[])[new MlpVaeLayers(), new ConvolutionalVaeLayers()]).ToDictionary(layers => layers.Kind);

    public VaeNetworkKind Kind => kind;

    /// <summary>Whether the rows have to be images.</summary>
    public abstract bool NeedsImages { get; }

    public static VaeLayers Of(VaeNetworkKind kind) => _all[kind];

    /// <summary>Creates encoder and decoder, with weights from libtorch's own generator.</summary>
    /// <param name="architecture">A valid architecture.</param>
    /// <param name="latentSize">Width of the decoder's input: z, and a one-hot class beside it.</param>
    /// <returns>
    /// From [batch, ..row shape] to [batch, encoded size], and from [batch, latent size] to the row shape or its flattened form.
    /// </returns>
    public abstract (Module<Tensor, Tensor> Encoder, int EncodedSize, Module<Tensor, Tensor> Decoder) Create(
        VaeArchitecture architecture, int latentSize);

    /// <summary>An architecture with the sizes that the options give.</summary>
    public abstract VaeArchitecture WithSizes(VaeArchitecture architecture, VaeOptions options);

    /// <summary>Takes the options that size the network from the model that a training continues from.</summary>
    public abstract void TakeSizes(VaeOptions options, BaseOptions<VaeOptions> own, VaeArchitecture architecture);

    /// <summary>Checks the sizes that only this kind has.</summary>
    /// <exception cref="ArgumentException">There is no such network; the message names the option.</exception>
    public virtual void Check(VaeOptions options)
    {
    }

    /// <summary>Checks what a model file says.</summary>
    /// <exception cref="ArgumentException">There is no such network; the message names the member.</exception>
    public virtual void Check(VaeArchitecture architecture)
    {
    }
}
