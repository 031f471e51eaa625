using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>Encoder q(z|x) and decoder p(x|z) of a variational autoencoder (Kingma, Welling 2013, section 3).</summary>
internal sealed class VaeNetwork : nn.Module
{
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

        (encoder, int encodedSize, decoder) = architecture.Network == VaeNetworkKind.Convolutional
            ? ConvolutionalLayers(architecture.Row.Image!.Value, architecture.ConvolutionChannels, checked(_latentSize + _labelCount))
            : MlpLayers(architecture.Row.Size, architecture.HiddenSizes, checked(_latentSize + _labelCount));
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
        return (parameters.narrow(1, 0, _latentSize), parameters.narrow(1, _latentSize, _latentSize)); // [batch, latent] each
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
        (mean.square().Plus(logVariance.exp()) - logVariance).Plus(-1).Times(0.5);

    // [batch, size] → [batch, size + labels], with a one in the place of the row's class.
    private Tensor WithLabels(Tensor values, Tensor? labels) => _labelCount == 0
        ? values
        : cat([values, F.one_hot(labels!, _labelCount).to(values.dtype)], 1);

    // From [batch, ..row shape] to [batch, encoded size], and from [batch, latent + labels] to the row shape or its flattened form.
    private static (Module<Tensor, Tensor> Encoder, int EncodedSize, Module<Tensor, Tensor> Decoder) MlpLayers(
        int inputSize, int[] hiddenSizes, int latentSize)
    {
        List<Module<Tensor, Tensor>> encoder = [Flatten()];
        List<Module<Tensor, Tensor>> decoder = [];

        int[] sizes = [inputSize, .. hiddenSizes];
        for (int i = 0; i + 1 < sizes.Length; i++)
        {
            encoder.Add(new Linear(sizes[i], sizes[i + 1]));
            encoder.Add(ReLU());
        }

        int size = latentSize;
        foreach (int next in hiddenSizes.Reverse())
        {
            decoder.Add(new Linear(size, next));
            decoder.Add(ReLU());
            size = next;
        }

        decoder.Add(new Linear(size, inputSize));
        return (Sequential(encoder), sizes[^1], Sequential(decoder));
    }

    private static (Module<Tensor, Tensor> Encoder, int EncodedSize, Module<Tensor, Tensor> Decoder) ConvolutionalLayers(
        ImageShape shape, int[] channels, int latentSize)
    {
        // Each convolution (3×3, stride 2, padding 1) makes ceil(size / 2) of a size.
        var sizes = new List<(int Height, int Width)> { (shape.Height, shape.Width) };
        List<Module<Tensor, Tensor>> encoder = [];
        int inputs = shape.Channels;
        foreach (int outputs in channels)
        {
            encoder.Add(new Conv2d(inputs, outputs, 3, stride: 2, padding: 1));
            encoder.Add(ReLU());
            inputs = outputs;
            sizes.Add(((sizes[^1].Height + 1) / 2, (sizes[^1].Width + 1) / 2));
        }

        (int height, int width) = sizes[^1];
        int encodedSize = checked(inputs * height * width);
        encoder.Add(Flatten());

        List<Module<Tensor, Tensor>> decoder = [new Linear(latentSize, encodedSize), ReLU(), Unflatten(1, [inputs, height, width])];
        for (int i = channels.Length - 1; i >= 0; i--)
        {
            int outputs = i > 0 ? channels[i - 1] : shape.Channels;
            (int Height, int Width) target = sizes[i];
            decoder.Add(new ConvTranspose2d(inputs, outputs, 3, stride: 2, padding: 1, outputPadding: 1));
            if (target.Height % 2 == 1 || target.Width % 2 == 1)
                decoder.Add(new Crop(target.Height, target.Width));
            if (i > 0)
                decoder.Add(ReLU());
            inputs = outputs;
        }

        return (Sequential(encoder), encodedSize, Sequential(decoder));
    }

    // In place of an output padding that differs between height and width, which TorchSharp 0.107 does not pass on.
    private sealed class Crop(int height, int width) : Module<Tensor, Tensor>(nameof(Crop))
    {
        public override Tensor forward(Tensor input) => input.narrow(2, 0, height).narrow(3, 0, width); // [batch, channels, height, width]
    }
}
