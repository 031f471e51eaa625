using System.Runtime.Intrinsics;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>Bytes as intensities, x / 255, in one pass.</summary>
internal static unsafe class ByteScaling
{
    private const float Highest = 255;
    private const float Step = 1 / Highest;

    /// <summary>The quotients, rounded as a division rounds them.</summary>
    /// <param name="bytes">Contiguous, on the CPU.</param>
    public static torch.Tensor ToUnit(torch.Tensor bytes)
    {
        torch.Tensor values = torch.empty(bytes.shape, dtype: torch.ScalarType.Float32);
        if (bytes.numel() > 0)
            ToUnit(TensorMemory.Start(bytes), (float*)TensorMemory.Start(values), bytes.numel());
        return values;
    }

    /// <inheritdoc cref="ToUnit(torch.Tensor)"/>
    public static void ToUnit(byte* bytes, float* values, long count)
    {
        var work = new Work { Bytes = bytes, Values = values };
        ThreadTeam.Run(count, 1, &work, &Run);
    }

    private static void Run(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        long i = start;
        for (; i <= end - Vector512<byte>.Count; i += Vector512<byte>.Count)
        {
            (Vector512<ushort> low, Vector512<ushort> high) = Vector512.Widen(Vector512.Load(work.Bytes + i));
            Store(low, work.Values + i);
            Store(high, work.Values + i + Vector512<ushort>.Count);
        }

        for (; i < end; i++)
            work.Values[i] = work.Bytes[i] / Highest;
    }

    private static void Store(Vector512<ushort> words, float* to)
    {
        (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(words);
        Divide(low).Store(to);
        Divide(high).Store(to + Vector512<uint>.Count);
    }

    // A product with the reciprocal, and what the remainder adds to it: exact for whole numbers up to 255, and many times as fast.
    private static Vector512<float> Divide(Vector512<uint> values)
    {
        Vector512<float> x = Vector512.ConvertToSingle(values.AsInt32()), step = Vector512.Create(Step), quotient = x * step;
        Vector512<float> remainder = Vector512.FusedMultiplyAdd(quotient, Vector512.Create(-Highest), x);
        return Vector512.FusedMultiplyAdd(remainder, step, quotient);
    }

    private struct Work
    {
        public byte* Bytes;
        public float* Values;
    }
}
