using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>
/// The network of a model and the adapters that it has, one of which may be active. What is made of it has weights of its own only where
/// these differ; all other memory is shared, and lives as long as one of those that use it.
/// </summary>
internal sealed class AdaptedNetwork<TNetwork> : IDisposable
    where TNetwork : torch.nn.Module, IAdaptable<TNetwork>
{
    private readonly LoraWeights[] _adapters;
    private readonly Dictionary<string, TNetwork> _all = new(StringComparer.Ordinal);

    /// <param name="network">The network without adapters; it belongs to this object from now on, as the adapters do.</param>
    /// <param name="adapters">The adapters, on the network's device. Default: none.</param>
    /// <param name="active">The name of the active one; <see langword="null"/>: none is.</param>
    public AdaptedNetwork(TNetwork network, IReadOnlyList<LoraWeights>? adapters = null, string? active = null)
    {
        (Base, Network, _adapters) = (network, network, [.. adapters ?? []]);
        if (active is null)
            return;
        Active = Find(active);
        Network = Attached(Active);
    }

    /// <summary>The network without an adapter.</summary>
    public TNetwork Base { get; }

    /// <summary>The network with the active adapter: the base if there is none.</summary>
    public TNetwork Network { get; }

    public IReadOnlyList<LoraWeights> Adapters => _adapters;

    public LoraWeights? Active { get; }

    public string[] Names => [.. _adapters.Select(adapter => adapter.Shape.Name)];

    /// <summary>The forms of the adapters for the definition of a model; <see langword="null"/>: there are none.</summary>
    public LoraShape[]? Shapes => _adapters.Length == 0 ? null : [.. _adapters.Select(adapter => adapter.Shape)];

    /// <summary>The number of parameters of the active adapter; 0: there is none.</summary>
    public long CountActive() => Active?.parameters().Sum(parameter => parameter.numel()) ?? 0;

    /// <summary>All modules in the order of the model's components: the base, then the adapters.</summary>
    public IReadOnlyList<torch.nn.Module> Modules => [Base, .. _adapters];

    /// <summary>These modules and the network with the active adapter, whose tensors share memory with theirs.</summary>
    public IReadOnlyList<torch.nn.Module> All => [Base, Network, .. _adapters];

    /// <summary>Creates the networks with each of the adapters, for <see cref="NetworkOf"/>.</summary>
    public void AttachAll()
    {
        foreach (LoraWeights adapter in _adapters.Where(adapter => adapter != Active))
            _all.TryAdd(adapter.Shape.Name, Attached(adapter.Share()));
    }

    /// <summary>The network with one of the adapters, after <see cref="AttachAll"/>. It belongs to this object.</summary>
    /// <param name="name">The adapter's name; <see langword="null"/>: the base.</param>
    /// <exception cref="ArgumentException">There is no such adapter; the message lists those that there are.</exception>
    public TNetwork NetworkOf(string? name) => name is null ? Base : Find(name) == Active ? Network : _all[name];

    /// <exception cref="ArgumentException">There is no such adapter; the message lists those that there are.</exception>
    public LoraWeights Find(string name)
    {
        if (Array.Find(_adapters, adapter => adapter.Shape.Name == name) is { } found)
            return found;
        string known = _adapters.Length == 0 ? "none" : string.Join(", ", Names.Select(n => Quoted.Text(n)));
        throw new ArgumentException($"The model has no adapter {Quoted.Text(name)}; it has {known}.", nameof(name));
    }

    /// <exception cref="ArgumentException">There is such an adapter.</exception>
    public void CheckIsNew(string name)
    {
        OptionChecks.NotEmpty(name);
        if (Names.Contains(name))
            throw new ArgumentException($"The model has an adapter {Quoted.Text(name)} already.", nameof(name));
    }

    /// <summary>The active adapter.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public LoraWeights RequireActive() => Active ?? throw new InvalidOperationException("The model uses no adapter.");

    /// <summary>The same with another adapter active, or none.</summary>
    public AdaptedNetwork<TNetwork> Select(string? name)
    {
        if (name is not null)
            Find(name);
        return new(Base.Share(), ShareAdapters(), name);
    }

    /// <summary>The same with another adapter, which is active. One of the same name is replaced.</summary>
    /// <param name="weights">The adapter, which belongs to the result.</param>
    public AdaptedNetwork<TNetwork> With(LoraWeights weights) => new(
        Base.Share(),
        [.. _adapters.Where(adapter => adapter.Shape.Name != weights.Shape.Name).Select(adapter => adapter.Share()), weights],
        weights.Shape.Name);

    /// <summary>The same with the active adapter of another model, which is active.</summary>
    /// <param name="name">The adapter's name in the result.</param>
    /// <param name="source">The other model's networks.</param>
    /// <param name="isAlike">Whether the other model's network has the same architecture.</param>
    /// <exception cref="ArgumentException">The name is taken, the other uses no adapter, or has another network.</exception>
    public AdaptedNetwork<TNetwork> Add(string name, AdaptedNetwork<TNetwork> source, bool isAlike)
    {
        CheckIsNew(name);
        if (source.Active is not { } adapter)
            throw new ArgumentException("The other model uses no adapter.", nameof(source));
        if (!isAlike)
            throw new ArgumentException("The other model's network has another architecture.", nameof(source));
        LoraWeights shared = adapter.Share(name);
        shared.to(Base.parameters().First().device);
        return With(shared);
    }

    /// <summary>The same with a weighted combination of adapters, which is active.</summary>
    /// <param name="name">The name of the combination.</param>
    /// <param name="weights">The weight of each adapter, by its name.</param>
    /// <param name="kind">How they are combined.</param>
    /// <exception cref="ArgumentException">
    /// The name is taken, an adapter is missing, a weight is not finite, or the ranks do not fit.
    /// </exception>
    /// <exception cref="NotSupportedException">An adapter has more than A and B.</exception>
    public AdaptedNetwork<TNetwork> Combine(string name, IReadOnlyDictionary<string, double> weights, LoraCombination kind)
    {
        ArgumentNullException.ThrowIfNull(weights);
        OptionChecks.Defined(kind);
        CheckIsNew(name);
        if (weights.Count == 0)
            throw new ArgumentException("No adapter is named.", nameof(weights));
        foreach ((string adapter, double weight) in weights)
        {
            if (!double.IsFinite(weight))
                throw new ArgumentException($"The weight of '{adapter}' is {weight}; expected a finite number.", nameof(weights));
        }

        return With(LoraCombiner.Combine(name, [.. weights.Select(w => (Find(w.Key), w.Value))], kind));
    }

    /// <summary>The same on another base.</summary>
    /// <param name="network">A network with the same modules, which belongs to the result.</param>
    /// <param name="active">The name of the adapter that is active; <see langword="null"/>: none is.</param>
    public AdaptedNetwork<TNetwork> OnBase(TNetwork network, string? active) => new(network, ShareAdapters(), active);

    /// <summary>The network with the active adapter in its weights.</summary>
    /// <exception cref="InvalidOperationException">The adapter, or a merged weight, is not finite.</exception>
    public AdaptedNetwork<TNetwork> Merge()
    {
        if (Active is null)
            return Select(null);
        Active.CheckFinite();
        TNetwork merged = Base.ShareForMerging(Active);
        try
        {
            foreach (AdaptableLayer layer in merged.Adaptable.Modules.Select(module => module.Layer).Where(l => l.HasAdapter).Distinct())
            {
                using (torch.Tensor own = layer.StoredWeight!.detach().clone())
                    ModuleWeights.Share(own, layer.StoredWeight);
                layer.MergeAdapters();
            }

            return new AdaptedNetwork<TNetwork>(merged);
        }
        catch
        {
            merged.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (TNetwork other in _all.Values)
            other.Dispose();
        Network.Dispose();
        Base.Dispose();
        foreach (LoraWeights adapter in _adapters)
            adapter.Dispose();
    }

    private TNetwork Attached(LoraWeights adapter)
    {
        TNetwork network = Base.Share();
        adapter.AttachTo(network, network.Adaptable);
        network.eval();
        return network;
    }

    private LoraWeights[] ShareAdapters() => [.. _adapters.Select(adapter => adapter.Share())];
}
