using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A layer with a weight, perhaps a bias, and perhaps an adapter. It has PyTorch's names and initial weights, and computes in the type of
/// <see cref="MixedPrecision"/>. Every matmul and convolution of the networks is one of these.
/// </summary>
internal abstract class WeightedLayer : AdaptableLayer
{
    private const string BiasName = "bias";

    private Parameter? bias;

    private Weight _weight;

    /// <param name="name">The layer's name.</param>
    /// <param name="shape">The weight's shape.</param>
    /// <param name="outputs">Outputs, for the bias.</param>
    /// <param name="hasBias">Whether there is one.</param>
    /// <param name="format">How the weight is stored; its values are set only where it is floats.</param>
    /// <param name="create">Creates a weight of another form, whose values are not set. Default: none.</param>
    protected WeightedLayer(
        string name, long[] shape, long outputs, bool hasBias, WeightFormat format = WeightFormat.Float32, Func<Weight>? create = null)
        : base(name)
    {
        // Kaiming-uniform with a = √5, as PyTorch has it: both uniform in ±1/√fanIn.
        double bound = 1 / Math.Sqrt(shape[1..].Aggregate(1L, (product, size) => product * size));
        _weight = create is not null ? create()
            : format == WeightFormat.Float32 ? new DenseWeight(nn.Parameter(Uniform(shape)))
            : QuantizedWeight.Create(shape, format);
        if (hasBias)
            bias = nn.Parameter(Uniform(outputs));
        Register();
        RegisterComponents();

        Tensor Uniform(params long[] sizes)
        {
            Tensor values = ModuleTensors.Empty(sizes);
            return ModuleTensors.HasValues ? nn.init.uniform_(values, -bound, bound) : values;
        }
    }

    /// <param name="name">The layer's name.</param>
    /// <param name="weight">The weight; there is no bias.</param>
    protected WeightedLayer(string name, Weight weight)
        : base(name)
    {
        _weight = weight;
        Register();
        RegisterComponents();
    }

    /// <summary>The weight. Another one, of the same shape, replaces it; the tensors of the one before are not disposed.</summary>
    public Weight Weight
    {
        get => _weight;
        set
        {
            if (!value.Shape.AsSpan().SequenceEqual(_weight.Shape))
            {
                string found = string.Join(", ", value.Shape), expected = string.Join(", ", _weight.Shape);
                throw new ArgumentException($"The weight has the shape [{found}]; expected [{expected}].", nameof(value));
            }

            foreach (string own in (string[])[.. named_parameters(recurse: false).Select(p => p.name)])
                ConditionallyRegisterParameter(own, null);
            foreach (string own in (string[])[.. named_buffers(recurse: false).Select(b => b.name)])
                ConditionallyRegisterBuffer(own, null);
            _weight = value;
            Register();
        }
    }

    public override Parameter? Bias => bias;

    public override long[] MatrixShape => _weight.Shape;

    public override Tensor? StoredWeight => _weight.Plain;

    public override string WeightKind => _weight.Kind;

    public override Tensor Matrix() => _weight.Dense();

    /// <summary>The bias in the type of <see cref="MixedPrecision"/>.</summary>
    protected Tensor? CastBias() => bias is null ? null : MixedPrecision.Cast(bias);

    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        base._toEpilog(dtype, device, non_blocking);
        _weight.Rebind(this);
        if (bias is not null)
            bias = get_parameter(BiasName);
    }

    // In this order, which files and the optimizer keep.
    private void Register()
    {
        _weight.Register(this);
        if (bias is not null)
            register_parameter(BiasName, bias);
    }
}
