using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;

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
        HeadModules = PretrainedHead.ModulesOf(config),
    };

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
}
