using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A learned vector for each of a number of classes, with PyTorch's initial values: N(0, 1). Other than TorchSharp's own module, whose
/// native memory is only freed where it is disposed of, it is freed with the last reference.
/// </summary>
internal sealed class EmbeddingTable : AdaptableLayer
{
    /// <param name="count">Classes.</param>
    /// <param name="size">Values of a vector.</param>
    /// <param name="format">How the vectors are stored. Default: floats that are learned.</param>
    public EmbeddingTable(long count, long size, BlockFormat? format = null)
        : base(nameof(EmbeddingTable))
    {
        Table = format is null ? new DenseWeight(nn.Parameter(Normal())) : QuantizedWeight.Create([count, size], format);
        Table.Register(this);
        RegisterComponents();

        Tensor Normal()
        {
            Tensor values = ModuleTensors.Empty(count, size);
            return ModuleTensors.HasValues ? nn.init.normal_(values) : values;
        }
    }

    /// <summary>The vectors as they are stored, [count, size].</summary>
    public Weight Table { get; }

    /// <summary>[count, size].</summary>
    /// <exception cref="NotSupportedException">The vectors are stored in another form.</exception>
    public Tensor Weight =>
        Table.Plain ?? throw new NotSupportedException($"The embedding is {Table.Kind}; only floats are supported here.");

    public Device Device => (Table as QuantizedWeight)?.Tensors[0].device ?? Weight.device;

    // A lookup is the product of a matrix of [size, count] with a vector that is 1 at the class.
    public override long[] MatrixShape => [Table.Shape[1], Table.Shape[0]];

    public override Tensor? StoredWeight => Table.Plain;

    public override string WeightKind => Table.Kind;

    public override Tensor Matrix() => Table.Dense().t();

    // Indexing does the same as a selection, with a slower way back.
    public override Tensor Map(Tensor input, Tensor matrix) =>
        MixedPrecision.Cast(Shaped(matrix.t().index_select(0, input.flatten()), input));

    /// <summary>[..] to [.., size].</summary>
    protected override Tensor Compute(Tensor input) => Shaped(Table.Rows(input.flatten()), input);

    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        base._toEpilog(dtype, device, non_blocking);
        Table.Rebind(this);
    }

    // [classes, size] → [.., size]
    private static Tensor Shaped(Tensor rows, Tensor classes) => rows.view([.. classes.shape, rows.size(1)]);
}
