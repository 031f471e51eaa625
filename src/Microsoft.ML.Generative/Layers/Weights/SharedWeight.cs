using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>The weight of an embedding, which an output layer shares (Press, Wolf 2016). The embedding has its tensors.</summary>
internal sealed class SharedWeight(EmbeddingTable embedding) : Weight(embedding.Table.Shape)
{
    public override string Kind => Stored.Plain is null ? Stored.Kind : "shared";

    public override Weight Stored => embedding.Table;

    public override Tensor? Plain => Stored.Plain;

    public override Tensor Dense() => Stored.Dense();

    public override Tensor Multiply(Tensor input, Tensor? bias) => Stored.Multiply(input, bias);

    public override void Register(nn.Module layer)
    {
    }

    public override void Rebind(nn.Module layer)
    {
    }
}
