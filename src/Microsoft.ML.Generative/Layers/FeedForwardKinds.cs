namespace Microsoft.ML.Generative.Layers;

/// <summary>What kinds of feed-forward blocks have in common.</summary>
internal static class FeedForwardKinds
{
    /// <summary>Whether the first layer computes a gate, too.</summary>
    public static bool IsGated(this FeedForwardKind kind) =>
        kind is FeedForwardKind.SwiGlu or FeedForwardKind.GeGlu or FeedForwardKind.GeGluTanh;

    /// <summary>The feed-forward width that is usual for a width: four times, of a gated block two thirds of that.</summary>
    public static int UsualSize(this FeedForwardKind kind, int width) =>
        checked(kind.IsGated() ? (width * 8 / 3 + 31) / 32 * 32 : 4 * width);
}
