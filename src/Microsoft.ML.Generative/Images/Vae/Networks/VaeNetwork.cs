using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>Encoder q(z|x) and decoder p(x|z) of a variational autoencoder (Kingma, Welling 2013, section 3).</summary>
internal sealed class VaeNetwork : nn.Module
{
    // The variance of a row far from those of the training stays finite. The code of latent diffusion (Rombach et al. 2022) limits it, too.
    internal const float MostLogVariance = 30;

    private readonly Module<Tensor, Tensor> encoder;
    private readonly Linear posterior;
    private readonly Module<Tensor, Tensor> decoder;

    private readonly VaeDecoderLikelihood likelihood;

    private readonly int _latentSize;
    private readonly int _labelCount;

    /// <param name="architecture">A valid architecture.</param>
    public VaeNetwork(VaeArchitecture architecture)
        : base(nameof(VaeNetwork))
    {
        _latentSize = architecture.LatentSize;
        _labelCount = architecture.LabelCount;

        (encoder, int encodedSize, decoder) = VaeLayers.Of(architecture.Network).Create(architecture, checked(_latentSize + _labelCount));
        posterior = new Linear((long)encodedSize + _labelCount, 2L * _latentSize);
        likelihood = VaeDecoderLikelihood.Create(architecture);
        RegisterComponents();
    }

    /// <summary>The parameters of q(z|x) = N(mean, exp(logVariance)), each [batch, latent].</summary>
    /// <param name="x">[batch, ..row shape].</param>
    /// <param name="labels">[batch], classes from 0; for networks with labels only.</param>
    public (Tensor Mean, Tensor LogVariance) Encode(Tensor x, Tensor? labels = null)
    {
        Tensor parameters = posterior.call(WithLabels(encoder.call(x), labels)).AsFloat32(); // [batch, 2 · latent]
        Tensor logVariance = parameters.narrow(1, _latentSize, _latentSize).Within(-MostLogVariance, MostLogVariance);
        return (parameters.narrow(1, 0, _latentSize), logVariance); // [batch, latent] each
    }

    /// <summary>The parameters of p(x|z), [batch, values]: logits or means, as the likelihood takes them.</summary>
    public Tensor Decode(Tensor z, Tensor? labels = null) => decoder.call(WithLabels(z, labels)).flatten(1).AsFloat32();

    /// <summary>The mean of p(x|z), [batch, values].</summary>
    public Tensor DecodeMean(Tensor z, Tensor? labels = null) => likelihood.Mean(Decode(z, labels));

    /// <summary>z = mean + exp(logVariance / 2) · noise: a sample of q(z|x) that gradients flow through (eq. 4).</summary>
    public static Tensor Reparameterize(Tensor mean, Tensor logVariance, Tensor noise) => mean.Plus(logVariance.Times(0.5).exp() * noise);

    /// <summary>−log p(x|z) in nats: [batch, values] each, or their sum over everything.</summary>
    /// <param name="decoded">What <see cref="Decode"/> returned.</param>
    /// <param name="x">The values, of any shape with the batch first.</param>
    /// <param name="reduction">Sum, or none.</param>
    public Tensor NegativeLogLikelihood(Tensor decoded, Tensor x, Reduction reduction) =>
        likelihood.NegativeLog(decoded, x.flatten(1), reduction);

    /// <summary>KL(q(z|x) ‖ N(0, 1)) in nats, [batch, latent] (appendix B): ½ (mean² + variance − logVariance − 1).</summary>
    public static Tensor KlDivergence(Tensor mean, Tensor logVariance) =>
        (mean.Squared().Plus(logVariance.exp()) - logVariance).Plus(-1).Times(0.5);

    // [batch, size] → [batch, size + labels], with a one in the place of the row's class.
    private Tensor WithLabels(Tensor values, Tensor? labels) => _labelCount == 0
        ? values
        : cat([values, F.one_hot(labels!, _labelCount).to(values.dtype)], 1);
}
