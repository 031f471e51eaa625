using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// The layers of a network for those who read their weights as they are stored, such as kernels and the files of other libraries. A layer
/// that is more than a stored weight and a bias is refused by name, so that nobody computes without what it has in addition.
/// </summary>
internal sealed class PlainLayers
{
    private readonly Dictionary<nn.Module, string> _names = new(ReferenceEqualityComparer.Instance);
    private readonly string _reader;
    private readonly Predicate<Adapter>? _isKnown;
    private readonly Predicate<Weight>? _isRead;

    /// <param name="network">The network.</param>
    /// <param name="reader">Who reads, with a verb: files of llama2.c hold.</param>
    /// <param name="isKnown">The adapters that the reader knows. Default: none.</param>
    /// <param name="isRead">The weights that the reader knows beside dense ones. Default: none.</param>
    public PlainLayers(nn.Module network, string reader, Predicate<Adapter>? isKnown = null, Predicate<Weight>? isRead = null)
    {
        (_reader, _isKnown, _isRead) = (reader, isKnown, isRead);
        foreach ((string name, nn.Module module) in network.named_modules())
            _names.TryAdd(module, name);
    }

    /// <summary>The name of a part of the network.</summary>
    public string NameOf(nn.Module part) => _names[part];

    /// <summary>The weight of a layer: that of the network, not a copy.</summary>
    /// <exception cref="NotSupportedException">
    /// The layer has an adapter that is not supported, or its weight is stored in another form.
    /// </exception>
    public Tensor WeightOf(WeightedLayer layer) =>
        FindObstacle(layer) is { } obstacle ? throw Refused(obstacle) : layer.Weight.Plain!;

    /// <summary>Checks all layers of the network.</summary>
    /// <exception cref="NotSupportedException">
    /// One has an adapter, or its weight is stored in another form; the message names it.
    /// </exception>
    public void Check()
    {
        if (FindObstacle() is { } obstacle)
            throw Refused(obstacle);
    }

    /// <summary>
    /// The first layer that is more than a stored weight and a bias, and what it is; <see langword="null"/>: there is none.
    /// </summary>
    public string? FindObstacle() =>
        _names.Keys.OfType<AdaptableLayer>().Select(FindObstacle).FirstOrDefault(obstacle => obstacle is not null);

    private string? FindObstacle(AdaptableLayer layer) => layer switch
    {
        EmbeddingTable { HasAdapter: true } => $"'{NameOf(layer)}' has an adapter",
        { HasAdapter: true } when !layer.Adapters.All(a => _isKnown?.Invoke(a.Adapter) == true) => $"'{NameOf(layer)}' has an adapter",
        WeightedLayer { Weight.Plain: null } weighted when _isRead?.Invoke(weighted.Weight.Stored) != true =>
            $"the weight of '{NameOf(layer)}' is {layer.WeightKind}",
        _ => null,
    };

    private NotSupportedException Refused(string obstacle) => new(
        $"{obstacle}; {_reader} dense {(_isRead is null ? "" : "and quantized ")}weights "
        + $"{(_isKnown is null ? "without adapters" : "and low-rank adapters")} only.");
}
