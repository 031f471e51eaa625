using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>A linear layer, [.., inputs] → [.., outputs], which may do the work of several whose outputs are its parts.</summary>
internal sealed class Linear : WeightedLayer
{
    private readonly Adapter?[] _partAdapters = [];
    private readonly long[] _partSizes = [];
    private bool _hasPartAdapter;

    /// <param name="inputs">Inputs.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="hasBias">Whether there is a bias.</param>
    /// <param name="format">How the weight is stored.</param>
    /// <param name="blocks">The format of ggml that the weight is stored in. Default: as <paramref name="format"/> says.</param>
    public Linear(
        long inputs, long outputs, bool hasBias = true, WeightFormat format = WeightFormat.Float32, BlockFormat? blocks = null)
        : base(
            nameof(Linear), [outputs, inputs], outputs, hasBias, format,
            blocks is null ? null : () => QuantizedWeight.Create([outputs, inputs], blocks))
    {
    }

    /// <param name="inputs">Inputs.</param>
    /// <param name="parts">The outputs, in their order.</param>
    /// <param name="hasBias">Whether there is a bias.</param>
    /// <param name="format">How the weight is stored.</param>
    /// <param name="blocks">
    /// The format of ggml that the weight, or each of its parts, is stored in. Default: as <paramref name="format"/> says.
    /// </param>
    public Linear(
        long inputs, LayerPart[] parts, bool hasBias = true, WeightFormat format = WeightFormat.Float32, BlockFormat[]? blocks = null)
        : base(
            nameof(Linear), [parts.Sum(part => (long)part.Outputs), inputs], parts.Sum(part => part.Outputs), hasBias, format,
            blocks is null ? null : () => Create(inputs, [.. parts.Select(part => (long)part.Outputs)], blocks))
    {
        (Parts, _partAdapters, _partSizes) = (parts, new Adapter?[parts.Length], [.. parts.Select(part => (long)part.Outputs)]);
    }

    /// <summary>A layer without a bias.</summary>
    public Linear(Weight weight)
        : base(nameof(Linear), weight)
    {
    }

    /// <summary>The parts of the outputs; empty: the layer does a single work.</summary>
    public IReadOnlyList<LayerPart> Parts { get; } = [];

    /// <summary>
    /// Whether gradients reach the bias only in the parts that have adapters. Default: they reach all of it.
    /// </summary>
    public bool LearnsBiasOfAdaptersAlone { get; set; }

    public override bool HasAdapter => base.HasAdapter || _hasPartAdapter;

    public override IEnumerable<(Adapter Adapter, LayerPart? Part)> Adapters =>
    [
        .. base.Adapters,
        .. _partAdapters.Zip(Parts).Where(pair => pair.First is not null).Select(pair => (pair.First!, (LayerPart?)pair.Second)),
    ];

    /// <summary>Changes the output of a part by an adapter, which belongs to the layer from now on.</summary>
    /// <exception cref="ArgumentException">The layer has no such part.</exception>
    /// <exception cref="InvalidOperationException">The layer or the part has an adapter.</exception>
    public void Attach(Adapter adapter, string part)
    {
        int index = Array.FindIndex([.. Parts], p => p.Name == part);
        if (index < 0)
        {
            string known = Parts.Count == 0 ? "it has none" : $"supported values: {string.Join(", ", Parts.Select(p => p.Name))}";
            throw new ArgumentException($"The layer has no part '{part}'; {known}.", nameof(part));
        }

        if (base.HasAdapter || _partAdapters[index] is not null)
            throw new InvalidOperationException($"The layer has an adapter of '{part}' already.");
        register_module(AdapterNameOf(part), adapter);
        _partAdapters[index] = adapter;
        _hasPartAdapter = true;
    }

    public override Tensor forward(Tensor input)
    {
        Tensor output = base.forward(input);
        if (!_hasPartAdapter)
            return output;
        Tensor[] parts = output.split(_partSizes, -1); // [.., outputs of the part] each
        for (int i = 0; i < parts.Length; i++)
            parts[i] = _partAdapters[i]?.Apply(input, parts[i], new AdaptedRows(this, Parts[i])) ?? parts[i];
        return cat(parts, -1);
    }

    public override Tensor Map(Tensor input, Tensor matrix) => F.linear(MixedPrecision.Cast(input), MixedPrecision.Cast(matrix));

    protected override Tensor Compute(Tensor input) => Weight.Multiply(input, training ? LearnedBias() : Bias);

    protected override IEnumerable<(Tensor Rows, Tensor Merged)> Merge(Tensor matrix)
    {
        foreach ((Tensor Rows, Tensor Merged) merged in base.Merge(matrix))
            yield return merged;
        for (int i = 0; i < _partAdapters.Length; i++)
        {
            if (_partAdapters[i] is not { } adapter)
                continue;
            Tensor rows = matrix.narrow(0, Parts[i].Start, Parts[i].Outputs); // [outputs of the part, inputs]
            yield return (rows, adapter.Merge(rows));
        }
    }

    protected override void RemoveAdapters()
    {
        base.RemoveAdapters();
        for (int i = 0; i < _partAdapters.Length; i++)
            Remove(AdapterNameOf(Parts[i].Name), ref _partAdapters[i]);
        _hasPartAdapter = false;
    }

    private static Weight Create(long inputs, long[] outputs, BlockFormat[] blocks) => blocks.Length == 1
        ? QuantizedWeight.Create([outputs.Sum(), inputs], blocks[0])
        : new PartedWeight(inputs, outputs, blocks);

    private Tensor? LearnedBias()
    {
        if (Bias is not { } bias || !LearnsBiasOfAdaptersAlone || !_hasPartAdapter)
            return Bias;
        return cat([.. Parts.Select((part, i) =>
        {
            Tensor own = bias.narrow(0, part.Start, part.Outputs); // [outputs of the part]
            return _partAdapters[i] is null ? own.detach() : own;
        })]);
    }

    private static string AdapterNameOf(string part) => part + "Adapter";
}
