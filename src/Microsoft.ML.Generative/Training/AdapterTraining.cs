using Microsoft.ML.Generative.Layers.Adapters;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// The network of a training in which adapters learn, and its weights do not: it shares those of the base model, which stays as it is
/// and may be disposed of meanwhile.
/// </summary>
internal sealed class AdapterTraining<TNetwork> : IDisposable
    where TNetwork : torch.nn.Module, IAdaptable<TNetwork>
{
    // The streams of the training's seed that initial values come from.
    private const long NetworkStream = 301;
    private const long AdapterStream = 302;

    private readonly AdaptedNetwork<TNetwork> _base;
    private readonly LoraWeights _weights;

    private AdapterTraining(AdaptedNetwork<TNetwork> model, LoraWeights weights, TNetwork network) =>
        (_base, _weights, Network) = (model, weights, network);

    /// <summary>The network to train: all of its parameters but those of the adapters are frozen.</summary>
    public TNetwork Network { get; }

    /// <summary>Creates the network.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="shared">The base model with no adapter active, which belongs to the result.</param>
    /// <param name="adapter">The adapter to create; <see langword="null"/>: <paramref name="earlier"/> is trained further.</param>
    /// <param name="earlier">The active adapter of the base model.</param>
    /// <param name="share">Creates a network for training with the memory of the base.</param>
    public static AdapterTraining<TNetwork> Open(
        Trainer trainer, AdaptedNetwork<TNetwork> shared, LoraOptions? adapter, LoraWeights? earlier, Func<TNetwork, TNetwork> share)
    {
        try
        {
            TNetwork network = trainer.CreateTemporaryNetwork(() => share(shared.Base), NetworkStream);
            AdaptableNetwork modules = network.Adaptable;
            LoraWeights weights = trainer.CreateTemporaryNetwork(() => Create(adapter, earlier, network, modules), AdapterStream);
            foreach ((string name, Parameter parameter) in network.named_parameters())
                parameter.requires_grad = weights.Shape.Tensors.Contains(name);
            weights.AttachTo(network, modules);
            return new AdapterTraining<TNetwork>(shared, weights, network);
        }
        catch
        {
            shared.Dispose();
            throw;
        }
    }

    /// <summary>The base model's network with the trained adapter, which is active.</summary>
    public AdaptedNetwork<TNetwork> Finish()
    {
        _weights.TakeFrom(Network);
        using LoraWeights? plain = _weights.HasInitial ? _weights.ToPlain() : null;
        return _base.With((plain ?? _weights).Share());
    }

    public void Dispose() => _base.Dispose();

    private static LoraWeights Create(LoraOptions? options, LoraWeights? earlier, TNetwork network, AdaptableNetwork modules)
    {
        if (options is null)
            return earlier!.Share();
        var weights = new LoraWeights(LoraTargets.Find(options, network, modules), network, modules, options.Dropout);
        weights.to(network.parameters().First().device);
        weights.Initialize(options.Initialization, network, modules);
        return weights;
    }
}

/// <summary>Checks the options of a training of adapters.</summary>
internal static class AdapterOptions
{
    private const string Adapter = "Adapter";
    private const string BaseModel = "BaseModel";

    /// <summary>Checks the options before the data is read.</summary>
    /// <param name="options">The options of the training.</param>
    /// <param name="adapter">The adapter to train; <see langword="null"/>: none, or the one that the base model uses.</param>
    /// <param name="model">The base model's networks; <see langword="null"/>: there is no base model.</param>
    /// <exception cref="ArgumentException">They contradict each other, or the model; the message names the option.</exception>
    public static void Check<TNetwork>(TrainingOptions options, LoraOptions? adapter, AdaptedNetwork<TNetwork>? model)
        where TNetwork : torch.nn.Module, IAdaptable<TNetwork>
    {
        if (adapter is not null)
            Check(adapter, model ?? throw new ArgumentException(
                $"{Adapter} is set, but there is no {BaseModel} whose weights it could adapt.", nameof(adapter)));
        if ((adapter is not null || model?.Active is not null) && options.FrozenParameters.Length > 0)
        {
            throw new ArgumentException(
                $"{nameof(TrainingOptions.FrozenParameters)} has '{options.FrozenParameters[0]}'; where an adapter is trained, all "
                + "parameters of the base model are frozen.",
                nameof(options));
        }
    }

    private static void Check<TNetwork>(LoraOptions adapter, AdaptedNetwork<TNetwork> model)
        where TNetwork : torch.nn.Module, IAdaptable<TNetwork>
    {
        if (model.Active is { } active)
        {
            throw new ArgumentException(
                $"{BaseModel} uses the adapter '{active.Shape.Name}', and {Adapter} asks for another: leave {Adapter} out to train "
                + $"'{active.Shape.Name}' further, or take the base model by WithAdapter(null) or Merge().",
                nameof(adapter));
        }

        model.CheckIsNew(adapter.Name);
        LoraTargets.Find(adapter, model.Base, model.Base.Adaptable);
    }
}
