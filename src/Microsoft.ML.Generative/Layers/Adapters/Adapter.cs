using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>
/// What changes the output of a layer, or of one of its parts, while the layer's own weight stays as it is (Houlsby et al. 2019; Hu et
/// al. 2021).
/// </summary>
internal abstract class Adapter(string name) : nn.Module(name)
{
    /// <summary>The layer's output as the adapter changes it.</summary>
    /// <param name="input">The layer's input, before its conversion to the type of <see cref="MixedPrecision"/>.</param>
    /// <param name="output">The output of the layer or the part in that type; the result has it too.</param>
    /// <param name="rows">The layer's own weight and bias.</param>
    public abstract Tensor Apply(Tensor input, Tensor output, AdaptedRows rows);

    /// <summary>The weight with which the layer gives the same without the adapter.</summary>
    /// <param name="weight">What <see cref="AdaptedRows.Weight"/> gives, [outputs, inputs, ..]; it stays as it is.</param>
    public abstract Tensor Merge(Tensor weight);
}
