using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>Fully connected layers, sized by <see cref="VaeOptions.HiddenSizes"/>.</summary>
internal sealed class MlpVaeLayers() : VaeLayers(VaeNetworkKind.Mlp)
{
    public override bool NeedsImages => false;

    public override (Module<Tensor, Tensor> Encoder, int EncodedSize, Module<Tensor, Tensor> Decoder) Create(
        VaeArchitecture architecture, int latentSize)
    {
        List<Module<Tensor, Tensor>> encoder = [Flatten()];
        List<Module<Tensor, Tensor>> decoder = [];

        int[] sizes = [architecture.Row.Size, .. architecture.HiddenSizes];
        for (int i = 0; i + 1 < sizes.Length; i++)
        {
            encoder.Add(new Linear(sizes[i], sizes[i + 1]));
            encoder.Add(ReLU());
        }

        int size = latentSize;
        foreach (int next in architecture.HiddenSizes.Reverse())
        {
            decoder.Add(new Linear(size, next));
            decoder.Add(ReLU());
            size = next;
        }

        decoder.Add(new Linear(size, architecture.Row.Size));
        return (Sequential(encoder), sizes[^1], Sequential(decoder));
    }

    public override VaeArchitecture WithSizes(VaeArchitecture architecture, VaeOptions options) =>
        architecture with { HiddenSizes = options.HiddenSizes };

    public override void TakeSizes(VaeOptions options, BaseOptions<VaeOptions> own, VaeArchitecture architecture) =>
        options.HiddenSizes = own.Take(o => o.HiddenSizes, architecture.HiddenSizes);
}
