using System.Buffers.Binary;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>ggml's Q8_0: a scale d, and 32 integers q of 8 bits; x = q d.</summary>
internal sealed class Q8_0Blocks() : BlockFormat("Q8_0", 32, 34)
{
    protected override void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = ReadHalf(block);
        for (int i = 0; i < 32; i++)
            values[i] = (sbyte)block[2 + i] * d;
    }

    protected override void QuantizeBlock(ReadOnlySpan<float> values, Span<byte> block)
    {
        float most = 0;
        foreach (float value in values)
            most = MathF.Max(most, MathF.Abs(value));
        float d = most / 127, inverse = d == 0 ? 0 : 1 / d;
        WriteHalf(block, d);
        for (int i = 0; i < 32; i++)
            block[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
    }
}

/// <summary>
/// ggml's Q4_0: a scale d, and 32 integers q of 4 bits; x = (q − 8) d. The first half of a block is in the low halves of the bytes.
/// </summary>
internal sealed class Q4_0Blocks() : BlockFormat("Q4_0", 32, 18)
{
    protected override void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = ReadHalf(block);
        for (int i = 0; i < 16; i++)
        {
            values[i] = ((block[2 + i] & 15) - 8) * d;
            values[i + 16] = ((block[2 + i] >> 4) - 8) * d;
        }
    }

    protected override void QuantizeBlock(ReadOnlySpan<float> values, Span<byte> block)
    {
        float most = 0, signed = 0;
        foreach (float value in values)
        {
            if (!float.IsFinite(value) || MathF.Abs(value) > most)
                (most, signed) = (MathF.Abs(value), value);
        }

        float d = signed / -8, inverse = d == 0 ? 0 : 1 / d;
        WriteHalf(block, d);
        for (int i = 0; i < 16; i++)
            block[2 + i] = (byte)(Code(values[i] * inverse) | Code(values[i + 16] * inverse) << 4);

        static int Code(float x) => Math.Min(15, (int)(x + 8.5f));
    }
}

/// <summary>ggml's Q4_1: a scale d, a minimum m, and 32 integers q of 4 bits; x = q d + m.</summary>
internal sealed class Q4_1Blocks() : BlockFormat("Q4_1", 32, 20)
{
    protected override void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = ReadHalf(block), m = ReadHalf(block[2..]);
        for (int i = 0; i < 16; i++)
        {
            values[i] = (block[4 + i] & 15) * d + m;
            values[i + 16] = (block[4 + i] >> 4) * d + m;
        }
    }
}

/// <summary>
/// ggml's Q5_0 and Q5_1: as their relatives of 4 bits, with the fifth bits of all elements in a number of 32 bits. Q5_0: x = (q − 16) d.
/// </summary>
internal sealed class Q5Blocks(string name, bool hasMinimum) : BlockFormat(name, 32, hasMinimum ? 24 : 22)
{
    protected override void DequantizeBlock(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = ReadHalf(block), m = hasMinimum ? ReadHalf(block[2..]) : 0;
        int start = hasMinimum ? 4 : 2;
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[start..]);
        ReadOnlySpan<byte> low = block[(start + 4)..];
        for (int i = 0; i < 16; i++)
        {
            values[i] = Value((low[i] & 15) | (int)(high >> i & 1) << 4);
            values[i + 16] = Value(low[i] >> 4 | (int)(high >> (i + 16) & 1) << 4);
        }

        float Value(int code) => hasMinimum ? code * d + m : (code - 16) * d;
    }
}
