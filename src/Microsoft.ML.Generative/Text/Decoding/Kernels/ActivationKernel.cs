using System.Numerics;
using System.Runtime.CompilerServices;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The non-linearity of a feed-forward block, a row at a time.</summary>
internal static unsafe class ActivationKernel
{
    /// <param name="kind">The non-linearity.</param>
    /// <param name="x">[hidden], for <see cref="FeedForwardKind.SwiGlu"/> [2, hidden]: the gate first.</param>
    /// <param name="y">[hidden].</param>
    /// <param name="hidden">Values.</param>
    public static void Apply(FeedForwardKind kind, float* x, float* y, int hidden)
    {
        switch (kind)
        {
            case FeedForwardKind.SwiGlu:
                Gate(x, x + hidden, y, hidden);
                break;
            case FeedForwardKind.Gelu:
                Gelu(x, y, hidden);
                break;
            default:
                GeluTanh(x, y, hidden);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gate(float* gate, float* up, float* y, int count)
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            (VectorMath.Silu(Vector.Load(gate + i)) * Vector.Load(up + i)).Store(y + i);
        if (i < count)
            Finish(VectorMath.Silu(Begin(gate + i, count - i)) * Begin(up + i, count - i), y + i, count - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gelu(float* x, float* y, int count)
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            VectorMath.Gelu(Vector.Load(x + i)).Store(y + i);
        if (i < count)
            Finish(VectorMath.Gelu(Begin(x + i, count - i)), y + i, count - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GeluTanh(float* x, float* y, int count)
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            VectorMath.GeluTanh(Vector.Load(x + i)).Store(y + i);
        if (i < count)
            Finish(VectorMath.GeluTanh(Begin(x + i, count - i)), y + i, count - i);
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
