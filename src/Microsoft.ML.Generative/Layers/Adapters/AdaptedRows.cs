using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>What an adapter sits on: a layer, or one of its parts.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Part">The part; <see langword="null"/>: the whole layer.</param>
internal readonly record struct AdaptedRows(AdaptableLayer Layer, LayerPart? Part = null)
{
    /// <summary>The weight in Float32, [outputs, inputs, ..]: see <see cref="AdaptableLayer.Matrix"/>.</summary>
    public Tensor Weight() => Rows(Layer.Matrix());

    /// <summary>The bias, [outputs], or <see langword="null"/>.</summary>
    public Tensor? Bias() => Layer.Bias is { } bias ? Rows(bias) : null;

    private Tensor Rows(Tensor all) => Part is { } part ? all.narrow(0, part.Start, part.Outputs) : all;
}
