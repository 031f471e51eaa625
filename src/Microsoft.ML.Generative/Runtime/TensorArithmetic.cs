using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Arithmetic with numbers that stay alive until it is done. TorchSharp's operators make an object of a number, hand its native memory to libtorch and let go
/// of it; also <c>a + b</c> does, for the factor 1. If another thread's garbage collection comes before libtorch has read the number, its memory is
/// freed: "Expected false to be true". Whatever a training or a transform does in each step uses these instead.
/// </summary>
internal static class TensorArithmetic
{
    private static readonly Lazy<Scalar> _one = new(() => 1);

    /// <summary>a + b</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, _one.Value);

    /// <summary>a + factor · b</summary>
    public static Tensor Plus(this Tensor a, Tensor b, double factor)
    {
        using Scalar scalar = factor;
        return a.add(b, scalar);
    }

    /// <summary>a + b</summary>
    public static Tensor Plus(this Tensor a, double b)
    {
        using Scalar scalar = b;
        return a.add(scalar, _one.Value);
    }

    /// <summary>a · b</summary>
    public static Tensor Times(this Tensor a, double b)
    {
        using Scalar scalar = b;
        return a.mul(scalar);
    }

    /// <summary>a / b</summary>
    public static Tensor Over(this Tensor a, double b)
    {
        using Scalar scalar = b;
        return a.div(scalar);
    }

    /// <summary>a, but no lower and no higher than that.</summary>
    public static Tensor Within(this Tensor a, double lowest, double highest)
    {
        using Scalar low = lowest, high = highest;
        return a.clamp(low, high);
    }

    /// <summary>a becomes a · b.</summary>
    public static Tensor TimesInPlace(this Tensor a, double b)
    {
        using Scalar scalar = b;
        return a.mul_(scalar);
    }

    /// <summary>a becomes a + factor · b.</summary>
    public static Tensor PlusInPlace(this Tensor a, Tensor b, double factor = 1)
    {
        using Scalar scalar = factor;
        return a.add_(b, scalar);
    }

    /// <summary>a becomes a + b.</summary>
    public static Tensor PlusInPlace(this Tensor a, double b)
    {
        using Scalar scalar = b;
        return a.add_(scalar, _one.Value);
    }
}
