using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>
/// Convolutions that halve images, and transposed ones that double them, sized by <see cref="VaeOptions.ConvolutionChannels"/>.
/// </summary>
internal sealed class ConvolutionalVaeLayers() : VaeLayers(VaeNetworkKind.Convolutional)
{
    public override bool NeedsImages => true;

    public override (Module<Tensor, Tensor> Encoder, int EncodedSize, Module<Tensor, Tensor> Decoder) Create(
        VaeArchitecture architecture, int latentSize)
    {
        ImageShape shape = architecture.Row.Image!.Value;
        int[] channels = architecture.ConvolutionChannels;

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

    public override VaeArchitecture WithSizes(VaeArchitecture architecture, VaeOptions options) =>
        architecture with { ConvolutionChannels = options.ConvolutionChannels };

    public override void TakeSizes(VaeOptions options, BaseOptions<VaeOptions> own, VaeArchitecture architecture) =>
        options.ConvolutionChannels = own.Take(o => o.ConvolutionChannels, architecture.ConvolutionChannels);

    public override void Check(VaeOptions options) => CheckChannels(options.ConvolutionChannels);

    public override void Check(VaeArchitecture architecture)
    {
        if (architecture.Row.Image is null)
            throw new ArgumentException("a convolutional network needs the shape of its images");
        CheckChannels(architecture.ConvolutionChannels);
    }

    private static void CheckChannels(int[] channels)
    {
        if (channels.Length == 0)
            throw new ArgumentException($"{nameof(VaeOptions.ConvolutionChannels)} is empty; expected at least one convolution.");
    }
}
