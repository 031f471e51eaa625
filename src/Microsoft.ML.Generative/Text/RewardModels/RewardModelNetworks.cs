using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>The networks of a reward model: the decoder with its adapter, if it has one, and the score head.</summary>
internal sealed class RewardModelNetworks : IDisposable
{
    /// <param name="decoder">The decoder; it belongs to this object from now on.</param>
    /// <param name="head">The score head; it belongs to this object from now on.</param>
    public RewardModelNetworks(AdaptedNetwork<LanguageModelNetwork> decoder, Linear head)
    {
        (Decoder, Head) = (decoder, head);
        Network = new RewardNetwork(decoder.Network, head);
        Network.eval();
    }

    public AdaptedNetwork<LanguageModelNetwork> Decoder { get; }

    public Linear Head { get; }

    /// <summary>All that computes a score.</summary>
    public RewardNetwork Network { get; }

    public void Dispose()
    {
        Network.Dispose();
        Decoder.Dispose();
        Head.Dispose();
    }
}
