using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>A weight in Float32.</summary>
/// <param name="values">The floats.</param>
/// <param name="name">The name of the tensor in the layer.</param>
internal sealed class DenseWeight(Parameter values, string name = DenseWeight.Name) : Weight(values.shape)
{
    /// <summary>The name of a weight in files.</summary>
    public const string Name = "weight";

    private Parameter _values = values;

    public override string Kind => "dense";

    public override Tensor Plain => _values;

    public override Tensor Dense() => _values;

    public override void Register(nn.Module layer) => layer.register_parameter(name, _values);

    public override void Rebind(nn.Module layer) => _values = layer.get_parameter(name)!;
}
