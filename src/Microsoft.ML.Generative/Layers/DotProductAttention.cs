using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>softmax(q kᵀ / √headSize + mask) v (Vaswani et al. 2017, eq. 1), for [batch, heads, time, headSize].</summary>
internal static class DotProductAttention
{
    // On a CPU the fused kernel's backward pass is slow for short sequences, in BFloat16 ten times; batched matmuls then win.
    private const long ShortInFloat32 = 128;
    private const long ShortInBFloat16 = 512;

    // Of Float32, and with room for rounding of BFloat16, whose lowest number is a little higher.
    private const double LowestScore = -3.3e38;

    /// <summary>Each position attends to itself and all before it, or to those that a mask allows.</summary>
    /// <param name="queries">[batch, heads, time, headSize].</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="mask">
    /// What may attend to what, [time, time]: 0, or −∞ where not. <see langword="null"/>: each position to itself and all before it.
    /// </param>
    /// <param name="dropout">The probability with which an attention is dropped.</param>
    public static Tensor Causal(Tensor queries, Tensor keys, Tensor values, Tensor? mask, double dropout)
    {
        long time = queries.size(2);
        if (mask is null && dropout == 0 && ShortAttention.CanUse(queries, keys, values))
            return ShortAttention.Apply(queries, keys, values, Scale(queries), isCausal: true);
        // The fused kernels of the CPU have no dropout.
        if (!IsShort(queries) && (dropout == 0 || queries.device_type != DeviceType.CPU))
            return F.scaled_dot_product_attention(queries, keys, values, mask, dropout, is_casual: mask is null);

        Tensor allowed = mask ?? TensorFactory.Constant([time, time], float.NegativeInfinity, queries.dtype).triu(1);
        // TorchSharp takes what is added last: [batch · heads, time, time].
        Tensor scores = baddbmm(queries.flatten(0, 1), keys.flatten(0, 1).transpose(1, 2), allowed, alpha: Scale(queries));
        Tensor weights = SeededDropout.Apply(scores.softmax(-1), dropout, isTraining: true);
        return weights.bmm(values.flatten(0, 1)).view(queries.shape); // [batch, heads, time, headSize]
    }

    /// <summary>Each query attends to all keys, or to those that a mask allows.</summary>
    /// <param name="queries">[batch, heads, time, headSize].</param>
    /// <param name="keys">[batch, heads, keys, headSize].</param>
    /// <param name="values">The same for values.</param>
    /// <param name="mask">
    /// What may attend to what, of a shape that broadcasts to [batch, heads, time, keys]: 0, or a large negative number where not, as
    /// <see cref="PaddingMask"/> makes it. <see langword="null"/>: all to all.
    /// </param>
    /// <param name="dropout">The probability with which an attention is dropped.</param>
    public static Tensor Full(Tensor queries, Tensor keys, Tensor values, Tensor? mask = null, double dropout = 0)
    {
        if ((mask is null || ShortAttention.CanAdd(mask)) && dropout == 0 && ShortAttention.CanUse(queries, keys, values))
            return ShortAttention.Apply(queries, keys, values, Scale(queries), isCausal: false, mask);
        if (!IsShort(queries) && (dropout == 0 || queries.device_type != DeviceType.CPU))
            return F.scaled_dot_product_attention(queries, keys, values, mask, dropout);
        // [batch · heads, time, keys]
        Tensor scores = queries.flatten(0, 1).Times(Scale(queries)).bmm(keys.flatten(0, 1).transpose(1, 2));
        if (mask is not null)
            scores = scores.view(queries.size(0), queries.size(1), queries.size(2), keys.size(2)).Plus(mask).flatten(0, 1);
        Tensor weights = SeededDropout.Apply(scores.softmax(-1), dropout, isTraining: true);
        return weights.bmm(values.flatten(0, 1)).view(queries.shape); // [batch, heads, time, headSize]
    }

    /// <summary>Attention without a mask, of queries, keys and values of as many heads each in one tensor.</summary>
    /// <param name="all">[batch, time, 3 · heads, headSize].</param>
    /// <param name="isCausal">Whether a position attends to itself and those before it alone, and not to all.</param>
    /// <returns>[batch, time, heads, headSize].</returns>
    public static Tensor Packed(Tensor all, bool isCausal)
    {
        if (ShortAttention.CanUse(all))
            return ShortAttention.Apply(all, Scale(all), isCausal);
        Tensor[] parts = all.transpose(1, 2).chunk(3, 1); // [batch, heads, time, headSize] each
        Tensor attended = isCausal
            ? Causal(parts[0], parts[1], parts[2], mask: null, dropout: 0)
            : Full(parts[0], parts[1], parts[2]);
        return attended.transpose(1, 2);
    }

    /// <summary>Each position attends to all of its own sequence, where nothing is learned.</summary>
    /// <param name="queries">[1, heads, time, headSize], sequences one behind another.</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="lengths">The length of each sequence, at most <see cref="ShortAttention.LongestOf"/>.</param>
    /// <returns>[1, time, heads, headSize].</returns>
    public static Tensor FullOfEach(Tensor queries, Tensor keys, Tensor values, int[] lengths) =>
        ShortAttention.ApplyToEach(queries, keys, values, Scale(queries), lengths);

    /// <summary>
    /// 0 where a sequence has a token, and the lowest finite number behind its end: [batch, time] to [batch, 1, 1, time]. With −∞, a
    /// sequence without tokens would be no number.
    /// </summary>
    /// <param name="isToken">Where the sequences have tokens, [batch, time], Boolean.</param>
    public static Tensor PaddingMask(Tensor isToken) => Hide(isToken.logical_not()).unsqueeze(1).unsqueeze(1);

    /// <summary>
    /// As <see cref="PaddingMask"/>, where each position attends to its neighbors alone (Beltagy et al. 2020): [batch or 1, 1, time, time].
    /// </summary>
    /// <param name="time">Positions.</param>
    /// <param name="reach">Neighbors on each side.</param>
    /// <param name="isToken">Where the sequences have tokens, [batch, time], Boolean; <see langword="null"/>: everywhere.</param>
    /// <param name="device">The device.</param>
    public static Tensor LocalMask(long time, long reach, Tensor? isToken, Device device)
    {
        Tensor positions = TensorFactory.Range(time, device: device);
        Tensor isHidden = (positions.unsqueeze(1) - positions).abs().GreaterThan(reach).unsqueeze(0); // [1, time, time]
        if (isToken is not null)
            isHidden = isHidden.logical_or(isToken.logical_not().unsqueeze(1)); // [batch, time, time]
        return Hide(isHidden).unsqueeze(1);
    }

    private static Tensor Hide(Tensor isHidden) =>
        MixedPrecision.Cast(zeros(isHidden.shape, device: isHidden.device).Masked(isHidden, LowestScore));

    private static bool IsShort(Tensor queries) => queries.device_type == DeviceType.CPU
        && queries.size(2) <= (queries.dtype == ScalarType.BFloat16 ? ShortInBFloat16 : ShortInFloat32);

    private static float Scale(Tensor queries) => (float)(1 / Math.Sqrt(queries.size(3)));
}
