using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Small encoder–decoders, no size of which is a multiple of a vector's.</summary>
internal static class TinyEncoderDecoders
{
    public static int[] Source { get; } = [3, 1, 4, 1, 5, 9, 2, 6, 8, 7, 9, 3];

    public static int[] Target { get; } = [0, 2, 7, 5];

    public static SequenceToSequenceArchitecture Architecture(FeedForwardKind feedForward, bool isTied, int vocabularySize = 11) => new()
    {
        VocabularySize = vocabularySize,
        Layers = 2,
        DecoderLayers = 3,
        Heads = 3,
        EmbeddingSize = 10,
        HeadSize = 6,
        FeedForwardSize = 13,
        FeedForward = feedForward,
        PositionBuckets = 8,
        MaxPositionDistance = 9,
        TieEmbeddings = isTied,
    };

    /// <inheritdoc cref="RandomNetworks.Create"/>
    public static SequenceToSequenceNetwork Create(FeedForwardKind feedForward, bool isTied) =>
        RandomNetworks.Create(() => new SequenceToSequenceNetwork(Architecture(feedForward, isTied)));
}
