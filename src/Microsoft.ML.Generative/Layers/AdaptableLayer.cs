using Microsoft.ML.Generative.Layers.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>A layer that is a linear map of its input, perhaps with a bias, and perhaps with an adapter.</summary>
internal abstract class AdaptableLayer(string name) : nn.Module<Tensor, Tensor>(name)
{
    private const string AdapterName = "adapter";

    private Adapter? _adapter;

    /// <summary>[outputs], or <see langword="null"/>.</summary>
    public virtual Parameter? Bias => null;

    /// <summary>The shape of <see cref="Matrix"/>.</summary>
    public abstract long[] MatrixShape { get; }

    /// <summary>The one Float32 tensor that the weight is stored in; <see langword="null"/>: it is stored in another form.</summary>
    public abstract Tensor? StoredWeight { get; }

    /// <summary>How the weight is stored, as error messages name it.</summary>
    public abstract string WeightKind { get; }

    /// <summary>Whether the layer is more than its weight and bias.</summary>
    public virtual bool HasAdapter => _adapter is not null;

    /// <summary>The adapters, each with the part of the layer that it sits on, or <see langword="null"/> for the whole layer.</summary>
    public virtual IEnumerable<(Adapter Adapter, LayerPart? Part)> Adapters => _adapter is null ? [] : [(_adapter, null)];

    /// <summary>The weight in Float32, with the outputs first: [outputs, inputs, ..]. Where it is stored so, a view of it.</summary>
    public abstract Tensor Matrix();

    /// <summary>The layer's map with another matrix, of any number of outputs, and without a bias.</summary>
    /// <param name="input">The layer's input.</param>
    /// <param name="matrix">[outputs, inputs, ..], as <see cref="Matrix"/>.</param>
    /// <returns>The outputs where the layer has its own, in the type of <see cref="MixedPrecision"/>.</returns>
    public abstract Tensor Map(Tensor input, Tensor matrix);

    public override Tensor forward(Tensor input)
    {
        Tensor output = Compute(input);
        return _adapter is null ? output : _adapter.Apply(input, output, new AdaptedRows(this));
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
        if (StoredWeight is null)
            throw new NotSupportedException($"An adapter cannot be merged into a weight that is {WeightKind}.");
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (Tensor Rows, Tensor Merged)[] all = [.. Merge(Matrix())];
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

    /// <summary>The rows of the matrix that adapters change, and what they become.</summary>
    protected virtual IEnumerable<(Tensor Rows, Tensor Merged)> Merge(Tensor matrix) =>
        _adapter is null ? [] : [(matrix, _adapter.Merge(matrix))];

    protected virtual void RemoveAdapters() => Remove(AdapterName, ref _adapter);

    protected void Remove(string name, ref Adapter? adapter)
    {
        if (adapter is null)
            return;
        register_module(name, null!);
        adapter.Dispose();
        adapter = null;
    }
}
