using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>Encoder–decoders with the memory of others, as far as they store the same.</summary>
internal static class SequenceToSequenceCopies
{
    /// <summary>A network with the weights of another.</summary>
    /// <param name="source">The other network, without adapters.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    /// <param name="usesRecompute">Whether blocks keep only their input for the backward pass.</param>
    public static SequenceToSequenceNetwork Share(SequenceToSequenceNetwork source, double dropout = 0, bool usesRecompute = false) =>
        NetworkCopies.Share(
            source, source.Device, () => new SequenceToSequenceNetwork(source.Architecture, dropout, source.Format, usesRecompute));

    /// <inheritdoc cref="IAdaptable{TSelf}.ShareForMerging"/>
    public static SequenceToSequenceNetwork ShareForMerging(SequenceToSequenceNetwork source, LoraWeights adapter) =>
        // Weights of few bits would round the change away.
        adapter.ShareInto(source.Format == WeightFormat.Float32 ? Share(source) : Convert(source, WeightFormat.Float32));

    /// <summary>The same models with the large weights in another format.</summary>
    public static AdaptedNetwork<SequenceToSequenceNetwork> Quantize(
        AdaptedNetwork<SequenceToSequenceNetwork> networks, WeightFormat format) =>
        networks.OnBase(Convert(networks.Base, format), networks.Active?.Shape.Name);

    private static SequenceToSequenceNetwork Convert(SequenceToSequenceNetwork source, WeightFormat format) => NetworkCopies.Convert(
        source, source.Device, () => new SequenceToSequenceNetwork(source.Architecture, 0, format), network => network.Quantizable);
}
