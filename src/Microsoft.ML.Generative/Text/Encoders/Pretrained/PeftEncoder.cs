using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>Encoders as PEFT sees them.</summary>
internal static class PeftEncoder
{
    /// <summary>An encoder alone.</summary>
    /// <exception cref="NotSupportedException">transformers has no such network.</exception>
    public static PeftNetwork Of(EncoderNetwork network)
    {
        EncoderConfig.Of(network.Architecture);
        return new PeftNetwork(network, EncoderModules.Of(network), PeftNetwork.FeatureExtraction);
    }

    /// <summary>An encoder with a classifier, which is trained as a whole beside the adapter.</summary>
    /// <param name="network">The encoder.</param>
    /// <param name="head">The classifier.</param>
    /// <param name="config">How transformers calls the encoder.</param>
    public static PeftNetwork Of(EncoderNetwork network, ClassificationHead head, EncoderConfig config) => new(
        network, EncoderModules.Of(network, EncoderNames.Of(config).Prefix), PeftNetwork.SequenceClassification)
    {
        Head = () => EncoderWeights.Of(head, config),
        HeadModules = PretrainedHead.ClassModulesOf(config),
    };

    /// <summary>An encoder with what predicts masked tokens, which is trained as a whole beside the adapter.</summary>
    /// <param name="network">The encoder.</param>
    /// <param name="head">What predicts tokens.</param>
    /// <exception cref="NotSupportedException">transformers has no such network.</exception>
    public static PeftNetwork Of(EncoderNetwork network, MaskedTokenHead head)
    {
        var config = EncoderConfig.Of(network.Architecture);
        string last = PretrainedHead.TokenLayerOf(config);
        // PEFT has no name of this task.
        return new PeftNetwork(network, EncoderModules.Of(network, EncoderNames.Of(config).Prefix), Task: null)
        {
            Head = () => EncoderWeights.Of(head, config),
            HeadModules = PretrainedHead.TokenModulesOf(config),
            Tied = () => [($"{last}.weight", network.Tokens.Weight.detach()), ($"{last}.bias", head.Bias.detach())],
        };
    }

    /// <summary>An encoder with an adapter of a folder beside those that it has.</summary>
    /// <exception cref="InvalidOperationException">It uses an adapter.</exception>
    public static AdaptedNetwork<EncoderNetwork> Load(
        string folder, string name, AdaptedNetwork<EncoderNetwork> encoder, Func<EncoderNetwork, PeftNetwork> describe)
    {
        if (encoder.Active is { } active)
        {
            throw new InvalidOperationException(
                $"The model uses the adapter {Quoted.Text(active.Shape.Name)}, and encoders have one at most: load the other into a model "
                + "without one.");
        }

        return encoder.With(PeftFolder.Load(folder, name, describe(encoder.Base)));
    }

    /// <summary>The networks of a model with an adapter of a folder, and what that has of the head.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="networks">The networks of a model with a head.</param>
    /// <param name="createHead">Creates another head of the same form.</param>
    /// <param name="describe">An encoder with a head as PEFT sees them.</param>
    /// <exception cref="InvalidOperationException">The encoder uses an adapter.</exception>
    public static EncoderNetworks Load<THead>(
        string folder, string name, EncoderNetworks networks, Func<THead> createHead, Func<EncoderNetwork, THead, PeftNetwork> describe)
        where THead : torch.nn.Module
    {
        THead head = ModuleTensors.WithoutValues(createHead);
        try
        {
            head.to(networks.Encoder.Base.Tokens.Device);
            EncoderCopies.CopyCommon(networks.Head!, head);
            return new EncoderNetworks(Load(folder, name, networks.Encoder, network => describe(network, head)), head);
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }
}
