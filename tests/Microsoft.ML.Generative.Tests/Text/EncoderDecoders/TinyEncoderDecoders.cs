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

    /// <summary>A network with random weights that are large enough for differences to show, gains included.</summary>
    public static SequenceToSequenceNetwork Create(FeedForwardKind feedForward, bool isTied)
    {
        SequenceToSequenceNetwork network =
            TorchSeed.Initialize(5, () => new SequenceToSequenceNetwork(Architecture(feedForward, isTied)));
        using IDisposable noGradient = torch.no_grad();
        using var generator = new torch.Generator(17);
        foreach (TorchSharp.Modules.Parameter parameter in network.parameters())
        {
            using torch.Tensor noise = torch.randn(parameter.shape, generator: generator);
            parameter.add_(noise, 0.3);
        }

        network.eval();
        return network;
    }
}
