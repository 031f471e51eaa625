using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>The encoded conditions of a batch of rows, by the way in which they enter a network.</summary>
/// <param name="Labels">Classes, [batch] Int64; <see langword="null"/> for a network without.</param>
/// <param name="Image">Further channels, [batch, channels, height, width]; <see langword="null"/> for a network without.</param>
internal sealed record ConditionValues(Tensor? Labels = null, Tensor? Image = null)
{
    /// <summary>The conditions of the first row, for a number of rows.</summary>
    public ConditionValues OfFirst(int count) =>
        new(Labels?.narrow(0, 0, 1).expand(count), Image?.narrow(0, 0, 1).expand(count, -1, -1, -1));

    /// <summary>A network's images, [batch, channels, height, width], with the further channels.</summary>
    public Tensor Beside(Tensor images) => Image is null ? images : cat([images, Image], 1);
}
