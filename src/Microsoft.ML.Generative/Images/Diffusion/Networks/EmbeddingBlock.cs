using Microsoft.ML.Generative.Layers;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>Two layers that a time's sines and cosines go through.</summary>
internal sealed class EmbeddingBlock : nn.Module<Tensor, Tensor>
{
    private readonly Linear linear_1;
    private readonly Linear linear_2;

    public EmbeddingBlock(long inputs, long size)
        : base(nameof(EmbeddingBlock))
    {
        linear_1 = new Linear(inputs, size);
        linear_2 = new Linear(size, size);
        RegisterComponents();
    }

    public Linear First => linear_1;

    public Linear Second => linear_2;

    public override Tensor forward(Tensor input) => linear_2.call(F.silu(linear_1.call(input)));
}
