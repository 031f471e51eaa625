using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>What kinds of feed-forward blocks have in common.</summary>
internal static class FeedForwardKinds
{
    /// <summary>Whether the first layer computes a gate, too.</summary>
    public static bool IsGated(this FeedForwardKind kind) =>
        kind is FeedForwardKind.SwiGlu or FeedForwardKind.GeGlu or FeedForwardKind.GeGluTanh;

    /// <summary>The values that go into the second layer: [.., outputs of the first] → [.., feed-forward size].</summary>
    public static Tensor Activate(this FeedForwardKind kind, Tensor hidden)
    {
        if (!kind.IsGated())
            return Activation(kind, hidden);
        Tensor[] parts = hidden.chunk(2, -1); // [.., feed-forward size] each
        return Activation(kind, parts[0]) * parts[1];
    }

    private static Tensor Activation(FeedForwardKind kind, Tensor x) => kind switch
    {
        FeedForwardKind.Gelu or FeedForwardKind.GeGlu => F.gelu(x, GELU.Approximate.none),
        FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh => F.gelu(x, GELU.Approximate.tanh),
        FeedForwardKind.Relu => F.relu(x),
        _ => F.silu(x),
    };

    /// <summary>The feed-forward width that is usual for a width: four times, of a gated block two thirds of that.</summary>
    public static int UsualSize(this FeedForwardKind kind, int width) =>
        checked(kind.IsGated() ? (width * 8 / 3 + 31) / 32 * 32 : 4 * width);
}
