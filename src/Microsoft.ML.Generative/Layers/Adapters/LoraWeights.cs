using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>
/// All low-rank adapters that a network has under one name, and the parameters of the network that are others with them: a component of
/// a model.
/// </summary>
internal sealed class LoraWeights : nn.Module
{
    private const string TensorsName = "tensors";

    private readonly List<(string Name, LoraAdapter Adapter)> _adapters = [];
    private readonly Dictionary<string, (nn.Module Owner, string Name)> _tensors = new(StringComparer.Ordinal);

    /// <summary>Creates weights that change nothing, with parameters whose values are not set.</summary>
    /// <param name="shape">The form.</param>
    /// <param name="network">The network that they are for, which may be one without memory.</param>
    /// <param name="adaptable">Its modules.</param>
    /// <param name="dropout">The part of an adapter's inputs that is dropped while training.</param>
    /// <exception cref="ArgumentException">The network lacks a module or a parameter; the message names it.</exception>
    public LoraWeights(LoraShape shape, nn.Module network, AdaptableNetwork adaptable, double dropout = 0)
        : base(nameof(LoraWeights))
    {
        Shape = shape;
        foreach (LoraModuleShape module in shape.Modules)
        {
            AdaptableModule target = TargetOf(module.Name, adaptable);
            Add(module, new LoraAdapter(target.Shape, module.Rank, shape.ScaleOf(module), shape.UseDora, dropout));
        }

        Dictionary<string, Parameter> parameters =
            network.named_parameters().ToDictionary(p => p.name, p => p.parameter, StringComparer.Ordinal);
        foreach (string name in shape.Tensors)
        {
            if (!parameters.TryGetValue(name, out Parameter? parameter))
                throw new ArgumentException($"The adapter '{shape.Name}' has the parameter '{name}', which the network does not have.");
            AddTensor(name, nn.Parameter(ModuleTensors.Empty(parameter.shape)));
        }
    }

    private LoraWeights(LoraShape shape, IEnumerable<LoraAdapter> adapters)
        : base(nameof(LoraWeights))
    {
        Shape = shape;
        foreach ((LoraModuleShape module, LoraAdapter adapter) in shape.Modules.Zip(adapters))
            Add(module, adapter);
    }

    public LoraShape Shape { get; }

    public IReadOnlyList<(string Name, LoraAdapter Adapter)> Adapters => _adapters;

    /// <summary>Parameters of the network, by their names there.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Tensors => _tensors.Keys.Select(name => (name, TensorOf(name)));

    /// <summary>Creates weights from adapters, without parameters of the network.</summary>
    public static LoraWeights Of(LoraShape shape, IEnumerable<LoraAdapter> adapters) => new(shape, adapters);

    /// <summary>Other weights that share the memory of these, which may be disposed of before them.</summary>
    public LoraWeights Share(string? name = null)
    {
        LoraWeights shared = Of(Shape with { Name = name ?? Shape.Name }, _adapters.Select(a => a.Adapter.Share()));
        foreach ((string tensorName, Parameter tensor) in Tensors)
            shared.AddTensor(tensorName, nn.Parameter(tensor.detach()));
        return shared;
    }

    /// <summary>Initializes all for the network as it is.</summary>
    public void Initialize(LoraInitialization kind, nn.Module network, AdaptableNetwork adaptable)
    {
        foreach ((string name, LoraAdapter adapter) in _adapters)
            LoraInitializer.Initialize(adapter, kind, TargetOf(name, adaptable).Rows);
        CopyTensorsOf(network);
    }

    /// <summary>Sets the parameters of the network to its own.</summary>
    public void CopyTensorsOf(nn.Module network)
    {
        using IDisposable noGradient = no_grad();
        foreach ((string name, Parameter parameter) in Others(network))
            TensorOf(name).copy_(parameter);
    }

    /// <summary>Checks that all values are finite.</summary>
    /// <exception cref="InvalidOperationException">One is not; the message names its tensor.</exception>
    public void CheckFinite()
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            if (!parameter.isfinite().all().item<bool>())
                throw new InvalidOperationException(
                    $"The adapter {Quoted.Text(Shape.Name)} has values in '{name}' that are not finite: it is not merged.");
        }
    }

    /// <summary>Puts a share of these into a network, which is disposed of if that fails.</summary>
    public TNetwork ShareInto<TNetwork>(TNetwork network)
        where TNetwork : nn.Module, IAdaptable<TNetwork>
    {
        try
        {
            Share().AttachTo(network, network.Adaptable);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Puts adapters and parameters into the network, which shares their memory from now on.</summary>
    public void AttachTo(nn.Module network, AdaptableNetwork adaptable)
    {
        foreach ((string name, Parameter parameter) in Others(network))
            ModuleWeights.Share(TensorOf(name), parameter);
        foreach ((string name, LoraAdapter adapter) in _adapters)
        {
            AdaptableModule target = TargetOf(name, adaptable);
            target.Attach(adapter);
            if (Shape.Bias == LoraBias.LoraOnly && target.Layer is Linear linear)
                linear.LearnsBiasOfAdaptersAlone = true;
        }
    }

    /// <summary>Shares the memory of the network's parameters, which a training has moved.</summary>
    public void TakeFrom(nn.Module network)
    {
        foreach ((string name, Parameter parameter) in Others(network))
            ModuleWeights.Share(parameter, TensorOf(name));
    }

    /// <summary>Whether the change is counted from initial matrices.</summary>
    public bool HasInitial => _adapters.Any(a => a.Adapter.HasInitial);

    /// <summary>The same change by ordinary adapters of twice the rank, where it is counted from initial matrices.</summary>
    public LoraWeights ToPlain()
    {
        LoraShape shape = Shape with { Modules = [.. Shape.Modules.Select(module => module.WithRank(2 * module.Rank, Shape.UseRsLora))] };
        LoraWeights plain = Of(shape, _adapters.Select(a => a.Adapter.ToPlain()));
        foreach ((string name, Parameter tensor) in Tensors)
            plain.AddTensor(name, nn.Parameter(tensor.detach()));
        return plain;
    }

    private static AdaptableModule TargetOf(string name, AdaptableNetwork adaptable) =>
        adaptable.Modules.FirstOrDefault(m => m.Name == name)
        ?? throw new ArgumentException($"An adapter is for the module '{name}', which the network does not have.");

    private Parameter TensorOf(string name) => _tensors[name].Owner.get_parameter(_tensors[name].Name)!;

    private IEnumerable<(string Name, Parameter Parameter)> Others(nn.Module network) =>
        _tensors.Count == 0 ? [] : network.named_parameters().Where(p => _tensors.ContainsKey(p.name));

    private void Add(LoraModuleShape module, LoraAdapter adapter)
    {
        string[] parts = module.Name.Split('.');
        Group(parts[..^1]).register_module(parts[^1], adapter);
        _adapters.Add((module.Name, adapter));
    }

    private void AddTensor(string name, Parameter parameter)
    {
        string[] parts = name.Split('.');
        nn.Module owner = Group([TensorsName, .. parts[..^1]]);
        owner.register_parameter(parts[^1], parameter);
        _tensors.Add(name, (owner, parts[^1]));
    }

    private nn.Module Group(IEnumerable<string> parts)
    {
        nn.Module group = this;
        foreach (string part in parts)
        {
            nn.Module? child = group.named_children().FirstOrDefault(c => c.name == part).module;
            if (child is null)
            {
                child = new ModuleGroup();
                group.register_module(part, child);
            }

            group = child;
        }

        return group;
    }

    // Between the dots of a name.
    private sealed class ModuleGroup() : nn.Module(nameof(ModuleGroup));
}
