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

    private interface IActivation
    {
        static abstract Vector<float> Of(Vector<float> x);
    }

    private readonly struct Silu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) => VectorMath.Silu(x);
    }

    private readonly struct Gelu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) => VectorMath.Gelu(x);
    }

    private readonly struct GeluTanh : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) => VectorMath.GeluTanh(x);
    }

    private readonly struct Relu : IActivation
    {
        // A NaN is not below 0, and stays one.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Of(Vector<float> x) =>
            Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), Vector<float>.Zero, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gate<TActivation>(float* gate, float* up, float* y, int count)
        where TActivation : struct, IActivation
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            (TActivation.Of(Vector.Load(gate + i)) * Vector.Load(up + i)).Store(y + i);
        if (i < count)
            Finish(TActivation.Of(Begin(gate + i, count - i)) * Begin(up + i, count - i), y + i, count - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<TActivation>(float* x, float* y, int count)
        where TActivation : struct, IActivation
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            TActivation.Of(Vector.Load(x + i)).Store(y + i);
        if (i < count)
            Finish(TActivation.Of(Begin(x + i, count - i)), y + i, count - i);
    }

    // What is left over after whole vectors, padded.
    private static Vector<float> Begin(float* x, int count)
    {
        Vector<float> padded = default;
        new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(&padded, Vector<float>.Count));
        return padded;
    }

    private static void Finish(Vector<float> padded, float* y, int count) =>
        new ReadOnlySpan<float>(&padded, count).CopyTo(new Span<float>(y, count));
}
