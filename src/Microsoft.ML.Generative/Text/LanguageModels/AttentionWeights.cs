using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>The attention of one text, as callers get it.</summary>
internal static class AttentionWeights
{
    /// <summary>[1, heads, time, time] as an array [heads, time, time].</summary>
    /// <exception cref="InvalidOperationException">A weight is NaN or infinite.</exception>
    public static float[,,] Copy(torch.Tensor attention)
    {
        var copy = new float[attention.size(1), attention.size(2), attention.size(3)];
        Buffer.BlockCopy(FiniteValues.ToArray(attention.cpu(), "The attention"), 0, copy, 0, copy.Length * sizeof(float));
        return copy;
    }
}
