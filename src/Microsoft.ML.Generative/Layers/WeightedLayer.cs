using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A layer with a weight, perhaps a bias, and perhaps an adapter. It has PyTorch's names and initial weights, and computes in the type of
/// <see cref="MixedPrecision"/>. Every matmul and convolution of the networks is one of these.
/// </summary>
internal abstract class WeightedLayer : nn.Module<Tensor, Tensor>
{
    private const string BiasName = "bias";
    private const string AdapterName = "adapter";

    private Parameter? bias;

    private Weight _weight;
    private Adapter? _adapter;

    /// <param name="name">The layer's name.</param>
    /// <param name="shape">The weight's shape.</param>
    /// <param name="outputs">Outputs, for the bias.</param>
    /// <param name="hasBias">Whether there is one.</param>
    /// <param name="format">How the weight is stored; its values are set only where it is floats.</param>
    protected WeightedLayer(string name, long[] shape, long outputs, bool hasBias, WeightFormat format = WeightFormat.Float32)
        : base(name)
    {
        // Kaiming-uniform with a = √5, as PyTorch has it: both uniform in ±1/√fanIn.
        double bound = 1 / Math.Sqrt(shape[1..].Aggregate(1L, (product, size) => product * size));
        _weight = format == WeightFormat.Float32 ? new DenseWeight(nn.Parameter(Uniform(shape))) : QuantizedWeight.Create(shape, format);
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

    /// <summary>[outputs], or <see langword="null"/>.</summary>
    public Parameter? Bias => bias;

    /// <summary>Whether the layer is more than its weight and bias.</summary>
    public virtual bool HasAdapter => _adapter is not null;

    /// <summary>The adapters, each with the part of the layer that it sits on, or <see langword="null"/> for the whole layer.</summary>
    public virtual IEnumerable<(Adapter Adapter, LayerPart? Part)> Adapters => _adapter is null ? [] : [(_adapter, null)];

    public override Tensor forward(Tensor input)
    {
        Tensor output = Compute(input);
        return OutputShapes.Note(this, _adapter is null ? output : _adapter.Apply(input, output, new AdaptedRows(this)));
    }

    /// <summary>Changes the output by an adapter, which belongs to the layer from now on.</summary>
    /// <exception cref="InvalidOperationException">The layer has an adapter.</exception>
    public void Attach(Adapter adapter)
    {
        if (HasAdapter)
            throw new InvalidOperationException("The layer has an adapter already.");
        register_module(AdapterName, adapter);
        _adapter = adapter;
    }

    /// <summary>Makes the adapters' changes in the weight, in place, and disposes of the adapters.</summary>
    /// <exception cref="NotSupportedException">The weight is stored in a form that cannot be changed in place.</exception>
    /// <exception cref="InvalidOperationException">The merged weight is not finite; weight and adapters stay as they are.</exception>
    public void MergeAdapters()
    {
        if (!HasAdapter)
            return;
        if (_weight.Plain is not { } plain)
            throw new NotSupportedException($"An adapter cannot be merged into a weight that is {_weight.Kind}.");
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (Tensor Rows, Tensor Merged)[] all = [.. Merge(plain)];
        if (all.Any(rows => !rows.Merged.isfinite().all().item<bool>()))
        {
            throw new InvalidOperationException(
                "An adapter has values that are not finite: it is not merged, and the weight stays as it is.");
        }

        foreach ((Tensor rows, Tensor merged) in all)
            rows.copy_(merged);
        RemoveAdapters();
    }

    /// <summary>The output without adapters.</summary>
    protected abstract Tensor Compute(Tensor input);

    /// <summary>The bias in the type of <see cref="MixedPrecision"/>.</summary>
    protected Tensor? CastBias() => bias is null ? null : MixedPrecision.Cast(bias);

    /// <summary>The rows of the weight that adapters change, and what they become.</summary>
    protected virtual IEnumerable<(Tensor Rows, Tensor Merged)> Merge(Tensor weight) =>
        _adapter is null ? [] : [(weight, _adapter.Merge(weight))];

    protected virtual void RemoveAdapters() => Remove(AdapterName, ref _adapter);

    protected void Remove(string name, ref Adapter? adapter)
    {
        if (adapter is null)
            return;
        register_module(name, null!);
        adapter.Dispose();
        adapter = null;
    }

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
