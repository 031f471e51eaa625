using Microsoft.ML.Generative.Layers;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>Two layers that a time's sines and cosines go through.</summary>
internal sealed class EmbeddingBlock : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> linear_1;
    private readonly nn.Module<Tensor, Tensor> linear_2;

    public EmbeddingBlock(long inputs, long size)
        : base(nameof(EmbeddingBlock))
    {
        linear_1 = Layer.Linear(inputs, size);
        linear_2 = Layer.Linear(size, size);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => linear_2.call(F.silu(linear_1.call(input)));
}
