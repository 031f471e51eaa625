using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.VqVae.Networks;

/// <summary>The two networks of a VQ-VAE, which are trained one after the other and saved together.</summary>
internal sealed class VqVaeNetwork : nn.Module
{
    private readonly VqVaeAutoencoder autoencoder;
    private readonly CodePriorNetwork prior;

    public VqVaeNetwork(VqVaeArchitecture architecture)
        : this(new VqVaeAutoencoder(architecture), new CodePriorNetwork(architecture))
    {
    }

    public VqVaeNetwork(VqVaeAutoencoder autoencoder, CodePriorNetwork prior)
        : base(nameof(VqVaeNetwork))
    {
        (this.autoencoder, this.prior) = (autoencoder, prior);
        RegisterComponents();
    }

    public VqVaeAutoencoder Autoencoder => autoencoder;

    public CodePriorNetwork Prior => prior;
}

/// <summary>
/// Encoder, codebook and decoder (van den Oord et al. 2017, section 4.1): convolutions of stride 2, residual blocks, and back.
/// </summary>
internal sealed class VqVaeAutoencoder : nn.Module
{
    private readonly Module<Tensor, Tensor> encoder;
    private readonly VectorQuantizer quantizer;
    private readonly Module<Tensor, Tensor> decoder;

    private readonly ImageShape _shape;
    private readonly long[] _padding;

    public VqVaeAutoencoder(VqVaeArchitecture architecture)
        : base(nameof(VqVaeAutoencoder))
    {
        _shape = architecture.Shape;
        CodeGrid grid = architecture.Grid;
        // Zeros right and below, so that every halving is even; they are cut off again after decoding.
        _padding =
            [0, ((long)grid.Width << architecture.Downsamplings) - _shape.Width, 0,
                ((long)grid.Height << architecture.Downsamplings) - _shape.Height];

        int hidden = architecture.HiddenChannels;
        int[] channels = Channels(architecture);
        List<Module<Tensor, Tensor>> down = [];
        for (int i = 0; i < architecture.Downsamplings; i++)
        {
            down.Add(new Conv2d(channels[i], channels[i + 1], 4, stride: 2, padding: 1));
            down.Add(ReLU());
        }

        down.Add(new Conv2d(hidden, hidden, 3, padding: 1));
        down.AddRange(ResidualBlocks(architecture));
        down.Add(new Conv2d(hidden, architecture.CodeSize, 1));

        List<Module<Tensor, Tensor>> up = [new Conv2d(architecture.CodeSize, hidden, 3, padding: 1), .. ResidualBlocks(architecture)];
        for (int i = architecture.Downsamplings; i > 0; i--)
        {
            up.Add(new ConvTranspose2d(channels[i], channels[i - 1], 4, stride: 2, padding: 1));
            if (i > 1)
                up.Add(ReLU());
        }

        encoder = Sequential(down);
        quantizer = new VectorQuantizer(architecture.CodebookSize, architecture.CodeSize);
        decoder = Sequential(up);
        RegisterComponents();
    }

    public VectorQuantizer Quantizer => quantizer;

    /// <summary>z_e(x): [batch, ..image] to [batch · height · width of the codes, code size], the codes of an image row by row.</summary>
    public Tensor Encode(Tensor images)
    {
        Tensor padded = _padding.All(p => p == 0) ? images : F.pad(images, _padding);
        return encoder.call(padded).permute(0, 2, 3, 1).flatten(0, 2).AsFloat32(); // [batch · codes of an image, code size]
    }

    /// <summary>The codes of images: [batch, height · width of the codes], Int64.</summary>
    public Tensor EncodeCodes(Tensor images) =>
        quantizer.Nearest(FiniteValues.Checked(Encode(images), "The encoding of an image")).view(images.size(0), -1);

    /// <summary>The mean of p(x|z) from code vectors in <see cref="Encode"/>'s order: [batch, ..image].</summary>
    public Tensor Decode(Tensor vectors, CodeGrid grid)
    {
        Tensor maps = vectors.view(-1, grid.Height, grid.Width, vectors.size(-1)).permute(0, 3, 1, 2); // [batch, code size, height, width]
        return decoder.call(maps).narrow(2, 0, _shape.Height).narrow(3, 0, _shape.Width).AsFloat32(); // [batch, ..image]
    }

    // Half as many channels on each finer level, as the images' area doubles in each direction.
    private static int[] Channels(VqVaeArchitecture architecture) =>
        [architecture.Shape.Channels, .. Enumerable.Range(0, architecture.Downsamplings)
            .Select(i => Math.Max(1, architecture.HiddenChannels >> (architecture.Downsamplings - 1 - i)))];

    private static IEnumerable<Module<Tensor, Tensor>> ResidualBlocks(VqVaeArchitecture architecture)
    {
        for (int i = 0; i < architecture.ResidualBlocks; i++)
            yield return new ResidualBlock(architecture.HiddenChannels, architecture.ResidualChannels);
        yield return ReLU();
    }

    private sealed class ResidualBlock : Module<Tensor, Tensor>
    {
        private readonly Conv2d inner;
        private readonly Conv2d outer;

        public ResidualBlock(int channels, int innerChannels)
            : base(nameof(ResidualBlock))
        {
            inner = new Conv2d(channels, innerChannels, 3, padding: 1);
            outer = new Conv2d(innerChannels, channels, 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => input.Plus(outer.call(inner.call(input.relu()).relu()));
    }
}
