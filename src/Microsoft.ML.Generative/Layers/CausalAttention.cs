using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>softmax(q kᵀ / √headSize + mask) v (Vaswani et al. 2017, eq. 1), for [batch, heads, time, headSize].</summary>
internal static class CausalAttention
{
    // On a CPU the fused kernel's backward pass is slow for short sequences, in BFloat16 ten times; products of batches then win.
    private const long ShortInFloat32 = 128;
    private const long ShortInBFloat16 = 512;

    /// <param name="queries">[batch, heads, time, headSize].</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="mask">
    /// What may attend to what, [time, time]: 0, or −∞ where not. <see langword="null"/>: each position to itself and all before it.
    /// </param>
    /// <param name="dropout">The probability with which an attention is dropped.</param>
    public static Tensor Of(Tensor queries, Tensor keys, Tensor values, Tensor? mask, double dropout)
    {
        long time = queries.size(2);
        if (queries.device_type != DeviceType.CPU || time > (queries.dtype == ScalarType.BFloat16 ? ShortInBFloat16 : ShortInFloat32))
            return F.scaled_dot_product_attention(queries, keys, values, mask, dropout, is_casual: mask is null);

        Tensor allowed = mask ?? full([time, time], float.NegativeInfinity, dtype: queries.dtype).triu(1);
        double scale = 1 / Math.Sqrt(queries.size(3));
        // TorchSharp takes what is added last.
        Tensor scores = baddbmm(queries.flatten(0, 1), keys.flatten(0, 1).transpose(1, 2), allowed, alpha: (float)scale);
        Tensor weights = scores.softmax(-1);
        if (dropout > 0)
            weights = F.dropout(weights, dropout);
        return weights.bmm(values.flatten(0, 1)).view(queries.shape);
    }
}
