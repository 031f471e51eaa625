using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>What a position attends to: itself and all positions before it, or a limited number of them (Beltagy et al. 2020).</summary>
/// <param name="Length">Positions, the position itself included; <see langword="null"/>: all.</param>
internal readonly record struct AttentionWindow(int? Length)
{
    /// <summary>The first position that a position attends to.</summary>
    public int First(int position) => Length is { } length ? Math.Max(0, position + 1 - length) : 0;

    /// <summary>Whether a position of a sequence cannot attend to all before it.</summary>
    public bool Limits(long time) => Length < time;

    /// <summary>0 where a position attends to another, −∞ elsewhere: [.., queries, keys].</summary>
    /// <param name="positions">Positions that attend, [.., queries], Int64.</param>
    /// <param name="keys">Positions that are attended to: those from 0 to below this.</param>
    public Tensor Mask(Tensor positions, long keys)
    {
        Tensor others = TensorFactory.Range(keys, device: positions.device), own = positions.unsqueeze(-1); // [keys], [.., queries, 1]
        Tensor isHidden = others > own; // [.., queries, keys]
        if (Length is { } length)
            isHidden = isHidden.logical_or(others <= own.Minus(length));
        return zeros(isHidden.shape, device: positions.device).Masked(isHidden, float.NegativeInfinity);
    }
}
