using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>
/// The network of a training in which adapters learn, and its weights do not: it shares those of the base model, which stays as it is
/// and may be
/// disposed of meanwhile.
/// </summary>
internal sealed class AdapterTraining : IDisposable
{
    // The streams of the training's seed that initial values come from.
    private const long NetworkStream = 301;
    private const long AdapterStream = 302;

    private readonly AdaptedNetwork _base;
    private readonly LoraWeights _weights;

    private AdapterTraining(AdaptedNetwork model, LoraWeights weights, LanguageModelNetwork network) =>
        (_base, _weights, Network) = (model, weights, network);

    /// <summary>The network to train: all of its parameters but those of the adapters are frozen.</summary>
    public LanguageModelNetwork Network { get; }

    /// <summary>Creates the network, or returns <see langword="null"/> if all parameters are to be trained.</summary>
    public static AdapterTraining? Open(Trainer trainer, LanguageModelOptions options)
    {
        if (!options.TrainsAdapter)
            return null;
        using IDisposable use = options.BaseModel!.Use();
        return Open(
            trainer, options.BaseModel.Networks.Select(null), options.Adapter, options.BaseModel.Networks.Active, options.Dropout,
            options.GradientCheckpointing);
    }

    /// <summary>Creates the network.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="shared">The base model with no adapter active, which belongs to the result.</param>
    /// <param name="adapter">The adapter to create; <see langword="null"/>: <paramref name="earlier"/> is trained further.</param>
    /// <param name="earlier">The active adapter of the base model.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    /// <param name="usesRecompute">Whether blocks keep only their input for the backward pass.</param>
    public static AdapterTraining Open(
        Trainer trainer, AdaptedNetwork shared, LoraOptions? adapter, LoraWeights? earlier, double dropout, bool usesRecompute)
    {
        try
        {
            LanguageModelNetwork network = trainer.CreateTemporaryNetwork(
                () => AdaptedNetwork.Share(shared.Base, shared.Base.Architecture, dropout, usesRecompute), NetworkStream);
            AdaptableNetwork modules = LanguageModelModules.Of(network);
            LoraWeights weights = trainer.CreateTemporaryNetwork(() => Create(adapter, earlier, network, modules), AdapterStream);
            foreach ((string name, Parameter parameter) in network.named_parameters())
                parameter.requires_grad = weights.Shape.Tensors.Contains(name);
            weights.AttachTo(network, modules);
            return new AdapterTraining(shared, weights, network);
        }
        catch
        {
            shared.Dispose();
            throw;
        }
    }

    /// <summary>The base model's network with the trained adapter, which is active.</summary>
    public AdaptedNetwork Finish()
    {
        _weights.TakeFrom(Network);
        using LoraWeights? plain = _weights.HasInitial ? _weights.ToPlain() : null;
        return _base.With((plain ?? _weights).Share());
    }

    public void Dispose() => _base.Dispose();

    private static LoraWeights Create(LoraOptions? options, LoraWeights? earlier, LanguageModelNetwork network, AdaptableNetwork modules)
    {
        if (options is null)
            return earlier!.Share();
        var weights = new LoraWeights(LoraTargets.Find(options, network, modules), network, modules, options.Dropout);
        weights.to(network.Tokens.Device);
        weights.Initialize(options.Initialization, network, modules);
        return weights;
    }
}
