using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Arithmetic of tensors with numbers that stay alive until it is done. TorchSharp makes an object of a number, hands its native
/// memory to libtorch and lets go of it; <c>a + b</c> does so too, for the factor 1. If another thread's garbage collection comes
/// before libtorch has read the number, its memory is freed: "Expected false to be true". BannedSymbols.txt has what this replaces.
/// </summary>
internal static class TensorArithmetic
{
    private static readonly Lazy<Scalar> _one = new(() => 1.ToScalar());
    private static readonly Lazy<Scalar> _two = new(() => 2.ToScalar());

    /// <summary>a + b</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, _one.Value);

    /// <summary>a + factor · b</summary>
    public static Tensor Plus(this Tensor a, Tensor b, double factor)
    {
        using Scalar scalar = factor.ToScalar();
        return a.add(b, scalar);
    }

    /// <summary>a + b</summary>
    public static Tensor Plus(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.add(scalar, _one.Value);
    }

    /// <summary>a − b, a whole number where a has whole numbers.</summary>
    public static Tensor Minus(this Tensor a, long b)
    {
        using Scalar scalar = b.ToScalar();
        return a.sub(scalar);
    }

    /// <summary>b − a</summary>
    public static Tensor SubtractedFrom(this Tensor a, double b) => a.negative().Plus(b);

    /// <summary>a · b</summary>
    public static Tensor Times(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.mul(scalar);
    }

    /// <summary>a²</summary>
    public static Tensor Squared(this Tensor a) => a.pow(_two.Value);

    /// <summary>a, or a · slope where a is negative (Maas, Hannun, Ng 2013).</summary>
    public static Tensor LeakyRelu(this Tensor a, double slope)
    {
        using Scalar scalar = slope.ToScalar();
        return a.leaky_relu(scalar);
    }

    /// <summary>log(1 + eᵃ), as −log σ(−a).</summary>
    public static Tensor Softplus(this Tensor a) => nn.functional.logsigmoid(a.negative()).negative();

    /// <summary>a / b</summary>
    public static Tensor Over(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.div(scalar);
    }

    /// <summary>The remainder of a / b, with the sign of b.</summary>
    public static Tensor Remainder(this Tensor a, long b)
    {
        using Scalar scalar = b.ToScalar();
        return a.remainder(scalar);
    }

    /// <summary>a, clamped to a range.</summary>
    public static Tensor Within(this Tensor a, double lowest, double highest)
    {
        using Scalar low = lowest.ToScalar(), high = highest.ToScalar();
        return a.clamp(low, high);
    }

    /// <summary>a, clamped to a range; whole numbers stay whole.</summary>
    public static Tensor Within(this Tensor a, long lowest, long highest)
    {
        using Scalar low = lowest.ToScalar(), high = highest.ToScalar();
        return a.clamp(low, high);
    }

    /// <summary>a, or the bound where a is lower.</summary>
    public static Tensor AtLeast(this Tensor a, double lowest)
    {
        using Scalar scalar = lowest.ToScalar();
        return a.clamp_min(scalar);
    }

    /// <summary>a, or the bound where a is higher.</summary>
    public static Tensor AtMost(this Tensor a, double highest)
    {
        using Scalar scalar = highest.ToScalar();
        return a.clamp_max(scalar);
    }

    /// <summary>Whether each element is less than a number.</summary>
    public static Tensor LessThan(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.lt(scalar);
    }

    /// <summary>Whether each element is greater than a number.</summary>
    public static Tensor GreaterThan(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.gt(scalar);
    }

    /// <summary>Whether each element is at least a number.</summary>
    public static Tensor GreaterOrEqual(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.ge(scalar);
    }

    /// <summary>Whether each element equals a whole number.</summary>
    public static Tensor EqualTo(this Tensor a, long b)
    {
        using Scalar scalar = b.ToScalar();
        return a.eq(scalar);
    }

    /// <summary>a, with a number where the mask is true.</summary>
    public static Tensor Masked(this Tensor a, Tensor mask, double value)
    {
        using Scalar scalar = value.ToScalar();
        return a.masked_fill(mask, scalar);
    }

    /// <summary>a, with a whole number where the mask is true.</summary>
    public static Tensor Masked(this Tensor a, Tensor mask, long value)
    {
        using Scalar scalar = value.ToScalar();
        return a.masked_fill(mask, scalar);
    }

    /// <summary>a becomes a · b.</summary>
    public static Tensor TimesInPlace(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.mul_(scalar);
    }

    /// <summary>a becomes a + factor · b.</summary>
    public static Tensor PlusInPlace(this Tensor a, Tensor b, double factor = 1)
    {
        using Scalar scalar = factor.ToScalar();
        return a.add_(b, scalar);
    }

    /// <summary>a becomes a + b.</summary>
    public static Tensor PlusInPlace(this Tensor a, double b)
    {
        using Scalar scalar = b.ToScalar();
        return a.add_(scalar, _one.Value);
    }

    /// <summary>a is clamped to a range.</summary>
    public static Tensor WithinInPlace(this Tensor a, double lowest, double highest)
    {
        using Scalar low = lowest.ToScalar(), high = highest.ToScalar();
        return a.clamp_(low, high);
    }

    /// <summary>Each element of a becomes a number.</summary>
    public static Tensor FillInPlace(this Tensor a, double value)
    {
        using Scalar scalar = value.ToScalar();
        return a.fill_(scalar);
    }
}
