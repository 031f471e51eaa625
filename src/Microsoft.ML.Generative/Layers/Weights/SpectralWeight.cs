using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// A weight divided by σ, its largest singular value as a matrix [outputs, ..] (Miyato et al. 2018): the layer makes no input longer.
/// σ comes from power iteration, one step for each pass in training, which keeps the singular vector between passes.
/// </summary>
internal sealed class SpectralWeight : Weight
{
    private const int FirstIterations = 15;
    private const double Smallest = 1e-12;
    private const string VectorName = "u";

    private readonly nn.Module _layer;
    private Parameter _values;
    private Tensor _u;

    /// <param name="layer">The layer that the weight is for.</param>
    /// <param name="values">The weight before the division.</param>
    private SpectralWeight(nn.Module layer, Parameter values)
        : base(values.shape)
    {
        (_layer, _values) = (layer, values);
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        // Without memory, nothing is sampled: other trainings take from the same generator.
        _u = Unit(nn.init.normal_(ModuleTensors.Empty(Shape[0]))).DetachFromDisposeScope();
        for (int i = 0; i < FirstIterations; i++)
            Iterate();
    }

    public override string Kind => "spectrally normalized";

    /// <summary>Normalizes the weight of a layer.</summary>
    /// <param name="layer">A layer with a dense weight; not a transposed convolution, whose weight has its inputs first.</param>
    public static SpectralWeight Normalize(WeightedLayer layer)
    {
        var weight = new SpectralWeight(layer, (Parameter)layer.Weight.Plain!);
        layer.Weight = weight;
        return weight;
    }

    /// <summary>σ of the weight as it is, through which gradients flow: uᵀ W v.</summary>
    public Tensor Sigma()
    {
        Tensor left = _u.clone(), right;
        using (no_grad())
            right = Unit(mv(Matrix.t(), left)); // [inputs · kernel]
        return dot(left, mv(Matrix, right));
    }

    /// <summary>One step of power iteration.</summary>
    public void Iterate()
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        _u.copy_(Unit(mv(Matrix, Unit(mv(Matrix.t(), _u))))); // [outputs]
    }

    /// <summary>The weight over σ, after another step of power iteration if the layer is in training.</summary>
    public override Tensor Dense()
    {
        if (_layer.training)
            Iterate();
        return _values / Sigma();
    }

    public override void Register(nn.Module layer)
    {
        layer.register_parameter(DenseWeight.Name, _values);
        layer.register_buffer(VectorName, _u);
    }

    public override void Rebind(nn.Module layer)
    {
        _values = layer.get_parameter(DenseWeight.Name)!;
        _u = layer.get_buffer(VectorName)!;
    }

    // [outputs, inputs · kernel]
    private Tensor Matrix => _values.flatten(1);

    private static Tensor Unit(Tensor vector) => vector / vector.norm().AtLeast(Smallest);
}
