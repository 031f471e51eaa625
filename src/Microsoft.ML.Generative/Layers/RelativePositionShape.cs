namespace Microsoft.ML.Generative.Layers;

/// <summary>The form of a <see cref="RelativePositionBias"/>.</summary>
/// <param name="Heads">Attention heads.</param>
/// <param name="Buckets">Buckets of distances, at least 4.</param>
/// <param name="MaxDistance">The distance from which on all share a bucket, above half of the buckets.</param>
/// <param name="IsBidirectional">
/// Whether positions behind a position have buckets of their own, half of all: in an encoder. In a decoder, none attends to them.
/// </param>
internal sealed record RelativePositionShape(int Heads, int Buckets, int MaxDistance, bool IsBidirectional)
{
    public Int128 CountParameters() => (Int128)Buckets * Heads;
}
