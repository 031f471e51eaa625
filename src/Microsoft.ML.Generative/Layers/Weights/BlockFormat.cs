using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// A format of ggml, in which the elements of a row are stored in blocks of a fixed number of bytes. Computes what ggml's reference
/// functions do, operation for operation.
/// </summary>
/// <param name="name">The name in ggml.</param>
/// <param name="blockSize">Elements of a block.</param>
/// <param name="blockBytes">Its bytes.</param>
internal abstract class BlockFormat(string name, int blockSize, int blockBytes)
{
    public static BlockFormat F32 { get; } = new FloatBlocks<float>("F32");

    public static BlockFormat F16 { get; } = new FloatBlocks<Half>("F16");

    public static BlockFormat BF16 { get; } = new BFloat16Blocks();

    public static BlockFormat Q4_0 { get; } = new Q4_0Blocks();

    public static BlockFormat Q4_1 { get; } = new Q4_1Blocks();

    public static BlockFormat Q5_0 { get; } = new Q5Blocks("Q5_0", hasMinimum: false);

    public static BlockFormat Q5_1 { get; } = new Q5Blocks("Q5_1", hasMinimum: true);

    public static BlockFormat Q8_0 { get; } = new Q8_0Blocks();

    public static BlockFormat Q4_K { get; } = new Q45KBlocks("Q4_K", hasHighBits: false);

    public static BlockFormat Q5_K { get; } = new Q45KBlocks("Q5_K", hasHighBits: true);

    public static BlockFormat Q6_K { get; } = new Q6_KBlocks();

    /// <summary>The format of a name; <see langword="null"/>: there is none.</summary>
    public static BlockFormat? Find(string name) => Array.Find(All, format => format.Name == name);

    /// <summary>The names of all formats.</summary>
    public static IEnumerable<string> Names => All.Select(format => format.Name);

    private static BlockFormat[] All => [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K];

    public string Name => name;

    public int BlockSize => blockSize;

    public int BlockBytes => blockBytes;

    /// <summary>The bytes of a number of elements that fill blocks.</summary>
    public long BytesOf(long elements) => checked(elements / blockSize * blockBytes);

    /// <summary>Computes the elements of blocks.</summary>
    /// <param name="blocks">Whole blocks.</param>
    /// <param name="values">The elements of all.</param>
    public virtual void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (int b = 0; b * blockSize < values.Length; b++)
            DequantizeBlock(blocks.Slice(b * blockBytes, blockBytes), values.Slice(b * blockSize, blockSize));
    }

    /// <summary>Stores elements in blocks.</summary>
    /// <param name="values">The elements of whole blocks.</param>
    /// <param name="blocks">The blocks.</param>
    /// <exception cref="NotSupportedException">The format can be read only.</exception>
    /// <exception cref="ArgumentException">A value is not finite, or too large for the format.</exception>
    public virtual void Quantize(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        for (int b = 0; b * blockSize < values.Length; b++)
            QuantizeBlock(values.Slice(b * blockSize, blockSize), blocks.Slice(b * blockBytes, blockBytes));
    }

    protected virtual void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values) => throw new NotSupportedException();

    protected virtual void QuantizeBlock(ReadOnlySpan<float> values, Span<byte> block) =>
        throw new NotSupportedException($"{Name} can be read, not written.");

    protected static float ReadHalf(ReadOnlySpan<byte> bytes) => (float)MemoryMarshal.Read<Half>(bytes);

    /// <summary>Stores the scale of a block.</summary>
    protected void WriteHalf(Span<byte> bytes, float scale)
    {
        var half = (Half)scale;
        if (!Half.IsFinite(half))
            throw new ArgumentException($"A weight is not finite, or too large for {Name}, whose scales are 16-bit floats.");
        MemoryMarshal.Write(bytes, in half);
    }

    /// <summary>Floats as they are, or shorter ones.</summary>
    private sealed class FloatBlocks<T>(string name) : BlockFormat(name, 1, Marshal.SizeOf<T>())
        where T : unmanaged, System.Numerics.INumber<T>
    {
        public override void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values) =>
            TensorPrimitives.ConvertTruncating<T, float>(MemoryMarshal.Cast<byte, T>(blocks), values);

        public override void Quantize(ReadOnlySpan<float> values, Span<byte> blocks) =>
            TensorPrimitives.ConvertTruncating<float, T>(values, MemoryMarshal.Cast<byte, T>(blocks));
    }

    private sealed class BFloat16Blocks() : BlockFormat("BF16", 1, sizeof(ushort))
    {
        public override void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values)
        {
            ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(blocks);
            for (int i = 0; i < values.Length; i++)
                values[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
        }

        // To the nearest, of two that are as near to the even one; a NaN stays one.
        public override void Quantize(ReadOnlySpan<float> values, Span<byte> blocks)
        {
            Span<ushort> halves = MemoryMarshal.Cast<byte, ushort>(blocks);
            for (int i = 0; i < values.Length; i++)
            {
                uint bits = BitConverter.SingleToUInt32Bits(values[i]), high = bits >> 16;
                halves[i] = (ushort)(float.IsNaN(values[i]) ? high | 0x40 : (bits + 0x7FFF + (high & 1)) >> 16);
            }
        }
    }
}
