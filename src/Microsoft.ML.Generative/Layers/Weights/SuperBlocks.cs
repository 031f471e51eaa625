namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// ggml's Q4_K and Q5_K: eight blocks of 32 with scales and minima of 6 bits, which have a scale each for all of them. Two blocks share 32
/// bytes; the fifth bits of Q5_K are apart, a bit of each byte for a block.
/// </summary>
internal sealed class Q45KBlocks(string name, bool hasHighBits) : BlockFormat(name, 256, hasHighBits ? 176 : 144)
{
    protected override void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = ReadHalf(block), least = ReadHalf(block[2..]);
        ReadOnlySpan<byte> scales = block.Slice(4, 12), high = hasHighBits ? block.Slice(16, 32) : [];
        ReadOnlySpan<byte> low = block[(16 + high.Length)..];
        for (int part = 0; part < 8; part++)
        {
            (int scale, int minimum) = ScaleAndMinimum(scales, part);
            float d1 = d * scale, m1 = least * minimum;
            for (int i = 0; i < 32; i++)
            {
                int code = low[part / 2 * 32 + i] >> 4 * (part & 1) & 15;
                if (hasHighBits)
                    code |= (high[i] >> part & 1) << 4;
                values[part * 32 + i] = d1 * code - m1;
            }
        }
    }

    // The numbers of the first four blocks are in the low 6 bits of a byte each; the others have 4 bits in the last bytes, and 2 in the
    // high ones of the first.
    private static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> packed, int part) => part < 4
        ? (packed[part] & 63, packed[part + 4] & 63)
        : (packed[part + 4] & 15 | packed[part - 4] >> 6 << 4, packed[part + 4] >> 4 | packed[part] >> 6 << 4);
}

/// <summary>
/// ggml's Q6_K: sixteen blocks of 16 integers q of 6 bits with scales of 8 bits, which have a scale for all of them; x = (q − 32) s d.
/// </summary>
internal sealed class Q6_KBlocks() : BlockFormat("Q6_K", 256, 210)
{
    protected override void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = ReadHalf(block[208..]);
        for (int half = 0; half < 2; half++)
        {
            ReadOnlySpan<byte> low = block.Slice(64 * half, 64), high = block.Slice(128 + 32 * half, 32);
            ReadOnlySpan<byte> scales = block.Slice(192 + 8 * half, 8);
            for (int i = 0; i < 128; i++)
            {
                (int quarter, int l) = Math.DivRem(i, 32);
                int bits = low[l + 32 * (quarter & 1)] >> 4 * (quarter >> 1) & 15 | (high[l] >> 2 * quarter & 3) << 4;
                values[128 * half + i] = d * (sbyte)scales[i / 16] * (bits - 32);
            }
        }
    }
}
