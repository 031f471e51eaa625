using System.Numerics;
using System.Runtime.CompilerServices;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Layers.Kernels;

/// <summary>The non-linearity of a feed-forward block, a row at a time.</summary>
internal static unsafe class ActivationKernel
{
    /// <param name="kind">The non-linearity.</param>
    /// <param name="x">[hidden], of a gated block [2, hidden]: the gate first.</param>
    /// <param name="y">[hidden].</param>
    /// <param name="hidden">Values.</param>
    public static void Apply(FeedForwardKind kind, float* x, float* y, int hidden)
    {
        switch (kind)
        {
            case FeedForwardKind.SwiGlu:
                Gate<Silu>(x, x + hidden, y, hidden);
                break;
            case FeedForwardKind.GeGlu:
                Gate<Gelu>(x, x + hidden, y, hidden);
                break;
            case FeedForwardKind.GeGluTanh:
                Gate<GeluTanh>(x, x + hidden, y, hidden);
                break;
            case FeedForwardKind.Gelu:
                Each<Gelu>(x, y, hidden);
                break;
            case FeedForwardKind.GeluTanh:
                Each<GeluTanh>(x, y, hidden);
                break;
            default:
                Each<Relu>(x, y, hidden);
                break;
        }
    }

    /// <summary>The values of <see cref="Apply"/>, and the gradient of what they are computed from.</summary>
    /// <param name="kind">The non-linearity.</param>
    /// <param name="x">[hidden], of a gated block [2, hidden]: the gate first.</param>
    /// <param name="yGradient">The gradient of the values, [hidden].</param>
    /// <param name="y">The values, [hidden].</param>
    /// <param name="xGradient">As x; where the block is not gated, it may be the memory of <paramref name="yGradient"/>.</param>
    /// <param name="hidden">Values.</param>
    public static void Derive(FeedForwardKind kind, float* x, float* yGradient, float* y, float* xGradient, int hidden)
    {
        switch (kind)
        {
            case FeedForwardKind.SwiGlu:
                DeriveGate<Silu>(x, x + hidden, yGradient, y, xGradient, xGradient + hidden, hidden);
                break;
            case FeedForwardKind.GeGlu:
                DeriveGate<Gelu>(x, x + hidden, yGradient, y, xGradient, xGradient + hidden, hidden);
                break;
            case FeedForwardKind.GeGluTanh:
                DeriveGate<GeluTanh>(x, x + hidden, yGradient, y, xGradient, xGradient + hidden, hidden);
                break;
            case FeedForwardKind.Gelu:
                DeriveEach<Gelu>(x, yGradient, y, xGradient, hidden);
                break;
            case FeedForwardKind.GeluTanh:
                DeriveEach<GeluTanh>(x, yGradient, y, xGradient, hidden);
                break;
            default:
                DeriveEach<Relu>(x, yGradient, y, xGradient, hidden);
                break;
        }
    }

    private interface IActivation
    {
        static abstract Vector<float> Of(Vector<float> x);

        // The value, and the derivative there.
        static abstract Vector<float> Of(Vector<float> x, out Vector<float> slope);
    }

    private readonly struct Silu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) => VectorMath.Silu(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x, out Vector<float> slope) => VectorMath.Silu(x, out slope);
    }

    private readonly struct Gelu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) => VectorMath.Gelu(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x, out Vector<float> slope) => VectorMath.Gelu(x, out slope);
    }

    private readonly struct GeluTanh : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) => VectorMath.GeluTanh(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x, out Vector<float> slope) => VectorMath.GeluTanh(x, out slope);
    }

    private readonly struct Relu : IActivation
    {
        // A NaN is not below 0, and stays one.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) =>
            Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), Vector<float>.Zero, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x, out Vector<float> slope)
        {
            slope = Vector.ConditionalSelect(Vector.LessThanOrEqual(x, Vector<float>.Zero), Vector<float>.Zero, Vector<float>.One);
            return Of(x);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gate<TActivation>(float* gate, float* up, float* y, int count)
        where TActivation : struct, IActivation
    {
        for (int i = 0; i < count; i += Vector<float>.Count)
            Finish(TActivation.Of(Begin(gate + i, count - i)) * Begin(up + i, count - i), y + i, count - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<TActivation>(float* x, float* y, int count)
        where TActivation : struct, IActivation
    {
        for (int i = 0; i < count; i += Vector<float>.Count)
            Finish(TActivation.Of(Begin(x + i, count - i)), y + i, count - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DeriveGate<TActivation>(
        float* gate, float* up, float* yGradient, float* y, float* gateGradient, float* upGradient, int count)
        where TActivation : struct, IActivation
    {
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            int left = count - i;
            Vector<float> value = TActivation.Of(Begin(gate + i, left), out Vector<float> slope);
            Vector<float> factor = Begin(up + i, left), gradient = Begin(yGradient + i, left);
            Finish(value * factor, y + i, left);
            Finish(gradient * factor * slope, gateGradient + i, left);
            Finish(gradient * value, upGradient + i, left);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DeriveEach<TActivation>(float* x, float* yGradient, float* y, float* xGradient, int count)
        where TActivation : struct, IActivation
    {
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            int left = count - i;
            Vector<float> value = TActivation.Of(Begin(x + i, left), out Vector<float> slope);
            Vector<float> gradient = Begin(yGradient + i, left);
            Finish(value, y + i, left);
            Finish(gradient * slope, xGradient + i, left);
        }
    }

    // What is left over after whole vectors, padded.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Begin(float* x, int count) => count >= Vector<float>.Count ? Vector.Load(x) : Padded(x, count);

    private static Vector<float> Padded(float* x, int count)
    {
        Vector<float> padded = default;
        new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(&padded, Vector<float>.Count));
        return padded;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(Vector<float> values, float* y, int count)
    {
        if (count >= Vector<float>.Count)
            values.Store(y);
        else
            Cut(values, y, count);
    }

    private static void Cut(Vector<float> padded, float* y, int count) =>
        new ReadOnlySpan<float>(&padded, count).CopyTo(new Span<float>(y, count));
}
