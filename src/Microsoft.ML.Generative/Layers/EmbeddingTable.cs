using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A learned vector for each of a number of classes, with PyTorch's initial values: N(0, 1). Other than TorchSharp's own module, whose
/// native memory is only freed where it is disposed of, it is freed with the last reference.
/// </summary>
internal sealed class EmbeddingTable : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;

    public EmbeddingTable(long count, long size)
        : base(nameof(EmbeddingTable))
    {
        Tensor values = ModuleTensors.Empty(count, size);
        weight = nn.Parameter(ModuleTensors.HasValues ? nn.init.normal_(values) : values);
        RegisterComponents();
    }

    /// <summary>[count, size].</summary>
    public Parameter Weight => weight;

    /// <summary>[..] to [.., size].</summary>
    // Indexing does the same, with a slower way back.
    public override Tensor forward(Tensor classes) =>
        OutputShapes.Note(this, weight.index_select(0, classes.flatten()).view([.. classes.shape, weight.size(1)])); // [.., size]
}
