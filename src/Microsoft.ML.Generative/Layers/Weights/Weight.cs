using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// The weight of a <see cref="WeightedLayer"/> in the form in which it is stored. Its tensors are parameters and buffers of the layer, so
/// that they are saved, trained and moved with it.
/// </summary>
/// <param name="shape">[outputs, inputs, ..]; of a transposed convolution [inputs, outputs, ..].</param>
internal abstract class Weight(params long[] shape)
{
    public long[] Shape { get; } = shape;

    /// <summary>The kind as error messages name it.</summary>
    public abstract string Kind { get; }

    /// <summary>The one Float32 tensor in which the weight is stored; <see langword="null"/>: it is stored in another form.</summary>
    public virtual Tensor? Plain => null;

    /// <summary>The weight that has the tensors: another one where this one is shared.</summary>
    public virtual Weight Stored => this;

    /// <summary>The weight as one Float32 tensor. Gradients flow through it to whatever is trained.</summary>
    public abstract Tensor Dense();

    /// <summary>The rows of some outputs, [outputs] → [outputs, inputs].</summary>
    public virtual Tensor Rows(Tensor outputs) => Dense().index_select(0, outputs);

    /// <summary>input · weightᵀ + bias in the type of <see cref="MixedPrecision"/>: [.., inputs] → [.., outputs].</summary>
    public virtual Tensor Multiply(Tensor input, Tensor? bias) =>
        AlignedProducts.Linear(MixedPrecision.Cast(input), MixedPrecision.Cast(Dense()), bias is null ? null : MixedPrecision.Cast(bias));

    /// <summary>Adds the tensors to the layer's, under their names in files.</summary>
    public abstract void Register(nn.Module layer);

    /// <summary>Takes the layer's tensors again: moving a layer replaces them.</summary>
    public abstract void Rebind(nn.Module layer);
}
