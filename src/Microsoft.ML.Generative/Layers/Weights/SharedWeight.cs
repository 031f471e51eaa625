using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>The weight of an embedding, which an output layer shares (Press, Wolf 2016). The embedding has its tensor.</summary>
internal sealed class SharedWeight(EmbeddingTable embedding) : Weight(embedding.Weight.shape)
{
    public override string Kind => "shared";

    public override Tensor Plain => embedding.Weight;

    public override Tensor Dense() => embedding.Weight;

    public override void Register(nn.Module layer)
    {
    }

    public override void Rebind(nn.Module layer)
    {
    }
}
