using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>Makes tensors from numbers that stay alive until it is done, as those of <see cref="TensorArithmetic"/> do.</summary>
internal static class TensorFactory
{
    /// <summary>A tensor of one value.</summary>
    public static Tensor Constant(ReadOnlySpan<long> shape, double value, ScalarType type, Device? device = null)
    {
        using Scalar scalar = value.ToScalar();
        return full(shape, scalar, type, device);
    }

    /// <summary>A tensor of one whole number, Int64.</summary>
    public static Tensor Constant(ReadOnlySpan<long> shape, long value, Device? device = null)
    {
        using Scalar scalar = value.ToScalar();
        return full(shape, scalar, ScalarType.Int64, device);
    }

    /// <summary>The whole numbers from 0 to below a bound.</summary>
    public static Tensor Range(long bound, ScalarType type = ScalarType.Int64, Device? device = null) => Range(0, bound, type, device);

    /// <summary>The whole numbers from a first one to below a bound.</summary>
    public static Tensor Range(long first, long bound, ScalarType type = ScalarType.Int64, Device? device = null)
    {
        using Scalar start = first.ToScalar(), stop = bound.ToScalar(), step = 1.ToScalar();
        return arange(start, stop, step, type, device);
    }
}
