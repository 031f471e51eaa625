using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Makes vectors of texts.</summary>
internal static class Pooling
{
    private const double Lowest = -3.3e38;

    /// <summary>One vector per text, [batch, width].</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="input">The texts.</param>
    /// <param name="kind">How vectors of tokens become one.</param>
    /// <param name="normalizes">Whether the vectors have the length 1.</param>
    public static Tensor Embed(EncoderNetwork encoder, EncoderInput input, EmbeddingPooling kind, bool normalizes)
    {
        Tensor hidden = encoder.Hidden(input); // [batch, time, width]
        Tensor pooled = kind == EmbeddingPooling.Pooler
            ? encoder.Pooled(Pool(hidden, input, EmbeddingPooling.FirstToken))
            : Pool(hidden.AsFloat32(), input, kind);
        return normalizes ? F.normalize(pooled, 2, 1) : pooled;
    }

    /// <summary>[batch, time, width] to [batch, width], of the tokens alone.</summary>
    /// <param name="hidden">Vectors of tokens.</param>
    /// <param name="isToken">Where there are tokens, [batch, time]; <see langword="null"/>: everywhere.</param>
    /// <param name="kind">How they become one; not <see cref="EmbeddingPooling.Pooler"/>.</param>
    public static Tensor Pool(Tensor hidden, Tensor? isToken, EmbeddingPooling kind)
    {
        switch (kind)
        {
            case EmbeddingPooling.FirstToken:
                return hidden.select(1, 0);
            case EmbeddingPooling.Max:
                return (isToken is null ? hidden : hidden.Masked(isToken.logical_not().unsqueeze(2), Lowest)).amax([1]);
            default:
                if (isToken is null)
                    return hidden.mean([1]);
                Tensor weights = isToken.unsqueeze(2).to(hidden.dtype); // [batch, time, 1]
                return (hidden * weights).sum(1) / weights.sum(1);
        }
    }

    private static Tensor Pool(Tensor hidden, EncoderInput input, EmbeddingPooling kind)
    {
        if (input.Packed is not { } packed)
            return Pool(hidden, input.IsToken, kind);
        // Neighbors of the same length are a batch of their own.
        List<Tensor> pooled = [];
        long start = 0;
        for (int i = 0; i < packed.Lengths.Length;)
        {
            int length = packed.Lengths[i], count = 0;
            for (; i < packed.Lengths.Length && packed.Lengths[i] == length; i++)
                count++;
            pooled.Add(Pool(hidden.narrow(1, start, (long)count * length).view(count, length, hidden.size(2)), null, kind));
            start += (long)count * length;
        }

        return cat(pooled, 0);
    }
}
