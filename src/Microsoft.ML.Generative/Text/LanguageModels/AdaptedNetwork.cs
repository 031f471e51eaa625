using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// The network of a language model and the adapters that it has, one of which may be active. What is made of it has weights of its own
/// only where
/// these differ; all other memory is shared, and lives as long as one of those that use it.
/// </summary>
internal sealed class AdaptedNetwork : IDisposable
{
    private readonly LoraWeights[] _adapters;

    /// <param name="network">The network without adapters; it belongs to this object from now on, as the adapters do.</param>
    /// <param name="adapters">The adapters, on the network's device.</param>
    /// <param name="active">The name of the active one; <see langword="null"/>: none is.</param>
    public AdaptedNetwork(LanguageModelNetwork network, IReadOnlyList<LoraWeights> adapters, string? active)
    {
        (Base, Network, _adapters) = (network, network, [.. adapters]);
        if (active is null)
            return;
        Active = Find(active);
        Network = Share(network, network.Architecture);
        Active.AttachTo(Network, LanguageModelModules.Of(Network));
        Network.eval();
    }

    /// <summary>The network without an adapter.</summary>
    public LanguageModelNetwork Base { get; }

    /// <summary>The network with the active adapter: the base if there is none.</summary>
    public LanguageModelNetwork Network { get; }

    public IReadOnlyList<LoraWeights> Adapters => _adapters;

    public LoraWeights? Active { get; }

    public string[] Names => [.. _adapters.Select(adapter => adapter.Shape.Name)];

    /// <summary>A network with the weights of another.</summary>
    /// <param name="source">The other network, without adapters.</param>
    /// <param name="architecture">The architecture; a tied output layer may be one of its own.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    /// <param name="usesRecompute">Whether blocks keep only their input for the backward pass.</param>
    public static LanguageModelNetwork Share(
        LanguageModelNetwork source, LanguageModelArchitecture architecture, double dropout = 0, bool usesRecompute = false)
    {
        LanguageModelNetwork network = ModuleTensors.WithoutValues(
            () => new LanguageModelNetwork(architecture, dropout, source.Format) { UsesRecompute = usesRecompute });
        try
        {
            network.to(source.Tokens.Device);
            Dictionary<string, torch.Tensor> tensors =
                ModuleWeights.Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
            foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(network))
                ModuleWeights.Share(tensors.TryGetValue(name, out torch.Tensor? own) ? own : source.Tokens.Weight, tensor);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

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

    /// <summary>The same with another adapter active, or none.</summary>
    public AdaptedNetwork Select(string? name)
    {
        if (name is not null)
            Find(name);
        return new(Share(Base, Base.Architecture), [.. _adapters.Select(adapter => adapter.Share())], name);
    }

    /// <summary>
    /// The same, without an active adapter and without weights of an output layer, for those who read hidden states alone.
    /// </summary>
    public AdaptedNetwork WithoutHead() => new(
        Share(Base, Base.Architecture with { TieEmbeddings = true }), [.. _adapters.Select(adapter => adapter.Share())], null);

    /// <summary>The same with another adapter, which is active. One of the same name is replaced.</summary>
    /// <param name="weights">The adapter, which belongs to the result.</param>
    public AdaptedNetwork With(LoraWeights weights) => new(
        Share(Base, Base.Architecture),
        [.. _adapters.Where(adapter => adapter.Shape.Name != weights.Shape.Name).Select(adapter => adapter.Share()), weights],
        weights.Shape.Name);

    /// <summary>
    /// The network with the active adapter in its weights. An output layer that has an adapter is no longer tied to the token
    /// embedding.
    /// </summary>
    /// <exception cref="InvalidOperationException">A merged weight is not finite.</exception>
    public AdaptedNetwork Merge()
    {
        if (Active is null)
            return Select(null);
        LanguageModelArchitecture architecture = Base.Architecture;
        if (Active.Shape.Modules.Any(module => module.Name == LanguageModelModules.Head))
            architecture = architecture with { TieEmbeddings = false };
        // Weights of few bits would round the change away.
        LanguageModelNetwork merged = Base.Format == WeightFormat.Float32
            ? Share(Base, architecture)
            : Convert(architecture, WeightFormat.Float32);
        try
        {
            AdaptableNetwork modules = LanguageModelModules.Of(merged);
            Active.Share().AttachTo(merged, modules);
            if (architecture != Base.Architecture)
                ModuleWeights.Share(merged.Tokens.Weight, merged.Head.Weight.Plain!);
            foreach (Linear layer in modules.Modules.Select(module => module.Layer).Where(layer => layer.HasAdapter).Distinct())
            {
                using (torch.Tensor own = layer.Weight.Plain!.detach().clone())
                    ModuleWeights.Share(own, layer.Weight.Plain!);
                layer.MergeAdapters();
            }

            return new AdaptedNetwork(merged, [], null);
        }
        catch
        {
            merged.Dispose();
            throw;
        }
    }

    /// <summary>The same with the weights of linear layers in another format.</summary>
    /// <exception cref="NotSupportedException">An adapter has trained a weight that would be stored in another form.</exception>
    public AdaptedNetwork Quantize(WeightFormat format)
    {
        LanguageModelNetwork network = Convert(Base.Architecture, format);
        HashSet<string> savable = [.. LanguageModelModules.Of(network).Savable.SelectMany(module => module.Parameters)];
        if (_adapters.FirstOrDefault(a => a.Shape.Tensors.Any(t => LanguageModelModules.IsTable(t) && !savable.Contains(t))) is { } own)
        {
            network.Dispose();
            throw new NotSupportedException(
                $"The adapter {Quoted.Text(own.Shape.Name)} has a token embedding or output layer of its own, which stays floats; "
                + $"{format} would quantize the model's. Merge the adapter before, or use {WeightFormat.Int8} or {WeightFormat.Nf4}.");
        }

        return new(network, [.. _adapters.Select(adapter => adapter.Share())], Active?.Shape.Name);
    }

    // What both store in the same way is shared.
    private LanguageModelNetwork Convert(LanguageModelArchitecture architecture, WeightFormat format)
    {
        LanguageModelNetwork network = ModuleTensors.WithoutValues(() => new LanguageModelNetwork(architecture, format: format));
        HashSet<torch.nn.Module> converted = new(ReferenceEqualityComparer.Instance);
        using IDisposable noGradient = torch.no_grad();
        network.to(Base.Tokens.Device);
        if (format != Base.Format)
        {
            foreach (((torch.nn.Module layer, Weight own), (_, Weight source)) in network.Quantizable.Zip(Base.Quantizable))
            {
                if (own.Kind == source.Kind)
                    continue;
                converted.Add(layer);
                // One at a time, so that no floats of a whole network are in memory.
                using DisposeScope scope = torch.NewDisposeScope();
                torch.Tensor dense = source.Dense().detach();
                if (own is QuantizedWeight quantized)
                    quantized.Take(dense);
                else
                    own.Plain!.copy_(dense);
            }
        }

        HashSet<string> names = [.. network.named_modules().Where(m => converted.Contains(m.module)).SelectMany(WeightNames)];
        Dictionary<string, torch.Tensor> tensors = ModuleWeights.Of(Base).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(network))
        {
            if (!names.Contains(name) && tensors.TryGetValue(name, out torch.Tensor? own))
                ModuleWeights.Share(own, tensor);
        }

        return network;
    }

    private static IEnumerable<string> WeightNames((string name, torch.nn.Module module) layer) =>
        layer.module.named_parameters(recurse: false).Where(p => p.name != "bias").Select(p => $"{layer.name}.{p.name}");

    public void Dispose()
    {
        Network.Dispose();
        Base.Dispose();
        foreach (LoraWeights adapter in _adapters)
            adapter.Dispose();
    }
}
