using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>The networks of a reward model in training.</summary>
internal sealed class RewardTraining : IDisposable
{
    // The stream of the training's seed that the score head comes from.
    private const long HeadStream = 311;

    private readonly AdapterTraining<LanguageModelNetwork>? _adapters;

    private RewardTraining(RewardNetwork network, AdapterTraining<LanguageModelNetwork>? adapters) =>
        (Network, _adapters) = (network, adapters);

    public RewardNetwork Network { get; }

    public static RewardTraining Open(Trainer trainer, RewardModelOptions options)
    {
        IBaseModel source = (IBaseModel?)options.RewardModel ?? options.BaseModel!;
        using IDisposable use = source.Use();
        AdaptedNetwork<LanguageModelNetwork> networks = options.RewardModel?.Networks.Decoder ?? options.BaseModel!.Networks;
        LanguageModelArchitecture architecture = networks.Base.Architecture with { TieEmbeddings = true };
        if (options.RewardModel is null)
        {
            using IChannel channel = trainer.Run.Host.Start("Reward model");
            channel.Info($"The score head is new: its {architecture.EmbeddingSize} weights are sampled from the training's seed.");
        }

        if (!options.TrainsAdapter)
        {
            RewardNetwork network = trainer.CreateNetwork(() => new RewardNetwork(
                new LanguageModelNetwork(architecture, options.Dropout) { UsesRecompute = options.GradientCheckpointing },
                RewardNetwork.CreateHead(architecture)));
            if (options.RewardModel is null)
                CopyDecoder(networks.Base, network.Decoder);
            return new RewardTraining(network, null);
        }

        AdaptedNetwork<LanguageModelNetwork> shared = networks.OnBase(LanguageModelCopies.ShareWithoutHead(networks.Base), active: null);
        AdapterTraining<LanguageModelNetwork> adapters = LanguageModelCopies.OpenTraining(
            trainer, shared, options.Adapter, networks.Active, options.Dropout, options.GradientCheckpointing);
        try
        {
            Linear head = trainer.CreateTemporaryNetwork(() => RewardNetwork.CreateHead(architecture), HeadStream);
            if (options.RewardModel is { } earlier)
                ModuleWeights.Copy(earlier.Networks.Head, head);
            return new RewardTraining(new RewardNetwork(adapters.Network, head), adapters);
        }
        catch
        {
            adapters.Dispose();
            throw;
        }
    }

    /// <summary>The trained networks.</summary>
    public RewardModelNetworks Finish()
    {
        if (_adapters is null)
            return new RewardModelNetworks(new AdaptedNetwork<LanguageModelNetwork>(Network.Decoder), Network.Score);
        // The training's own head is released with it.
        Linear head = ModuleTensors.WithoutValues(() => RewardNetwork.CreateHead(Network.Decoder.Architecture));
        head.to(Network.Score.Weight.Plain!.device);
        ModuleWeights.Share(Network.Score, head);
        return new RewardModelNetworks(_adapters.Finish(), head);
    }

    public void Dispose() => _adapters?.Dispose();

    // The output layer of an untied network is left out.
    private static void CopyDecoder(LanguageModelNetwork source, LanguageModelNetwork destination)
    {
        using IDisposable noGradient = torch.no_grad();
        Dictionary<string, torch.Tensor> tensors =
            ModuleWeights.Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        foreach ((string name, torch.Tensor tensor) in ModuleWeights.Of(destination))
            tensor.copy_(tensors[name]);
    }
}
