using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>Makes floats of the numbers of an <see cref="Nf4Weight"/> on the CPU: the same as <see cref="Nf4.Dequantize"/>.</summary>
/// <param name="codes">Two numbers in a byte, the first in its high half.</param>
/// <param name="scales">The scale of each block, of 8 bits.</param>
/// <param name="scaleScales">The scale of each block of scales.</param>
/// <param name="mean">What is added to the scales.</param>
internal readonly unsafe struct Nf4Reader(byte* codes, sbyte* scales, float* scaleScales, float mean)
{
    private static readonly float[] _values = [.. Nf4.Values];

    private readonly byte* _codes = codes;
    private readonly sbyte* _scales = scales;
    private readonly float* _scaleScales = scaleScales;
    private readonly float _mean = mean;

    /// <summary>Reads numbers from one up to another, not included.</summary>
    public void Read(long start, long end, float* values)
    {
        for (long i = start; i < end;)
        {
            long block = i / Nf4Weight.BlockSize, next = Math.Min(end, (block + 1) * Nf4Weight.BlockSize);
            float scale = MathF.Max(0, _scales[block] * _scaleScales[block / Nf4Weight.ScalesInBlock] + _mean);
            ReadBlock(i, (int)(next - i), scale, values + (i - start));
            i = next;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadBlock(long start, int count, float scale, float* values)
    {
        ref float table = ref MemoryMarshal.GetArrayDataReference(_values);
        int i = 0;
        if (Avx512F.IsSupported && (start & 1) == 0)
        {
            Vector512<float> all = Vector512.LoadUnsafe(ref table);
            for (; i + 16 <= count; i += 16)
            {
                Vector128<byte> pairs = Vector128.CreateScalar(*(ulong*)(_codes + (start + i) / 2)).AsByte();
                Vector128<byte> high = Vector128.ShiftRightLogical(pairs.AsUInt16(), 4).AsByte() & Vector128.Create((byte)15);
                Vector128<byte> both = Sse2.UnpackLow(high, pairs & Vector128.Create((byte)15));
                Vector512<int> indices = Avx512F.ConvertToVector512Int32(both);
                (Avx512F.PermuteVar16x32(all, indices) * scale).Store(values + i);
            }
        }

        for (; i < count; i++)
        {
            long place = start + i;
            int code = _codes[place / 2] >> ((place & 1) == 0 ? 4 : 0) & 15;
            values[i] = Unsafe.Add(ref table, code) * scale;
        }
    }
}
