using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Tests;

public sealed class BlockFormatTests
{
    // test-quantize-fns.cpp of ggml: √Σd² / n of 0.1 + 2 cos i, below 0.002 for all; of the two the values are computed by its formulas.
    [Theory]
    [InlineData("Q8_0", 7.4431e-5)]
    [InlineData("Q4_0", 1.12130e-3)]
    public void The_error_is_that_of_ggml(string name, double expected)
    {
        BlockFormat format = Find(name);
        float[] values = [.. Enumerable.Range(0, 4096).Select(i => 0.1f + 2 * MathF.Cos(i))], found = new float[4096];
        byte[] blocks = new byte[format.BytesOf(4096)];
        format.Quantize(values, blocks);
        format.Dequantize(blocks, found);
        double error = Math.Sqrt(values.Zip(found, (a, b) => Math.Pow((double)a - b, 2)).Sum()) / 4096;
        Assert.InRange(error, expected * 0.9999, expected * 1.0001);
    }

    [Fact]
    public void Q8_0_rounds_halves_away_from_zero()
    {
        float[] values = new float[32];
        (values[0], values[1], values[2], values[3], values[31]) = (127, 0.5f, -0.5f, -2.5f, -126.4f);
        byte[] block = new byte[34];
        BlockFormat.Q8_0.Quantize(values, block);
        Assert.Equal([0x00, 0x3C, 127, 1, 0xFF, 0xFD], block[..6]);
        Assert.Equal(unchecked((byte)-126), block[33]);
    }

    [Fact]
    public void Q4_0_takes_its_sign_from_the_value_of_largest_magnitude()
    {
        float[] values = new float[32];
        (values[0], values[1], values[15], values[16], values[31]) = (-8, 3, 7.6f, 1, 2.4f);
        byte[] block = new byte[18];
        BlockFormat.Q4_0.Quantize(values, block);
        Assert.Equal([0x00, 0x3C, 0 | 9 << 4, 11 | 8 << 4, 8 | 8 << 4], block[..5]);
        Assert.Equal(15 | 10 << 4, block[17]);

        // Of two that are as large, the first.
        (values[0], values[1]) = (8, -8);
        BlockFormat.Q4_0.Quantize(values, block);
        Assert.Equal([0x00, 0xBC, 0 | 7 << 4, 15 | 8 << 4], block[..4]);
        BlockFormat.Q4_0.Quantize(new float[32], block);
        Assert.Equal(0x88, block[2]);
    }

    // Codes are put where the published structures have them, element by element.
    [Theory]
    [InlineData("Q4_0", 4)]
    [InlineData("Q4_1", 4)]
    [InlineData("Q5_0", 5)]
    [InlineData("Q5_1", 5)]
    public void Small_blocks_are_read_as_published(string name, int bits)
    {
        BlockFormat format = Find(name);
        bool hasMinimum = name.EndsWith('1');
        var random = new Random(bits);
        int[] codes = [.. Enumerable.Range(0, 32).Select(_ => random.Next(1 << bits))];
        List<byte> block = [.. Half(0.375f), .. hasMinimum ? Half(-1.25f) : []];
        if (bits == 5)
        {
            uint high = 0;
            for (int i = 0; i < 32; i++)
                high += (uint)(codes[i] / 16) * (1u << i);
            byte[] bytes = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, high);
            block.AddRange(bytes);
        }

        for (int i = 0; i < 16; i++)
            block.Add((byte)(codes[i] % 16 + 16 * (codes[i + 16] % 16)));
        Assert.Equal(format.BlockBytes, block.Count);
        Assert.Equal(
            codes.Select(c => hasMinimum ? c * 0.375f - 1.25f : (c - (1 << (bits - 1))) * 0.375f), Read(format, block, 32));
    }

    [Theory]
    [InlineData("Q4_K", 4)]
    [InlineData("Q5_K", 5)]
    public void Super_blocks_of_4_and_5_bits_are_read_as_published(string name, int bits)
    {
        BlockFormat format = Find(name);
        var random = new Random(bits);
        int[] codes = [.. Enumerable.Range(0, 256).Select(_ => random.Next(1 << bits))];
        int[] scales = [.. Enumerable.Range(0, 8).Select(_ => random.Next(64))],
            minima = [.. Enumerable.Range(0, 8).Select(_ => random.Next(64))];
        List<byte> block = [.. Half(0.5f), .. Half(0.25f)];
        // 6-bit numbers: 0 to 3 with the two high bits of 4 to 7 above them; then the low halves of 4 to 7, scales below minima.
        block.AddRange(Enumerable.Range(0, 4).Select(i => (byte)(scales[i] + scales[i + 4] / 16 * 64)));
        block.AddRange(Enumerable.Range(0, 4).Select(i => (byte)(minima[i] + minima[i + 4] / 16 * 64)));
        block.AddRange(Enumerable.Range(4, 4).Select(i => (byte)(scales[i] % 16 + minima[i] % 16 * 16)));
        if (bits == 5)
        {
            block.AddRange(
                Enumerable.Range(0, 32).Select(i => (byte)Enumerable.Range(0, 8).Sum(part => codes[32 * part + i] / 16 << part)));
        }
        for (int pair = 0; pair < 4; pair++)
            block.AddRange(Enumerable.Range(0, 32).Select(i => (byte)(codes[64 * pair + i] % 16 + codes[64 * pair + 32 + i] % 16 * 16)));
        Assert.Equal(bits == 4 ? 144 : 176, block.Count);
        Assert.Equal(
            codes.Select((code, i) => 0.5f * scales[i / 32] * code - 0.25f * minima[i / 32]), Read(format, block, 256));
    }

    [Fact]
    public void Super_blocks_of_6_bits_are_read_as_published()
    {
        var random = new Random(6);
        int[] codes = [.. Enumerable.Range(0, 256).Select(_ => random.Next(64))];
        sbyte[] scales = [.. Enumerable.Range(0, 16).Select(_ => (sbyte)random.Next(-128, 128))];
        byte[] low = new byte[128], high = new byte[64];
        for (int i = 0; i < 256; i++)
        {
            // Of each half of 128 elements: the first 64 in the low halves of 64 bytes, the others in the high ones.
            int half = i / 128, within = i % 128;
            low[64 * half + within % 64] += (byte)(codes[i] % 16 * (within < 64 ? 1 : 16));
            high[32 * half + within % 32] += (byte)(codes[i] / 16 * (int)Math.Pow(4, within / 32));
        }

        List<byte> block = [.. low, .. high, .. MemoryMarshal.AsBytes<sbyte>(scales), .. Half(0.125f)];
        Assert.Equal(210, block.Count);
        Assert.Equal(codes.Select((code, i) => 0.125f * scales[i / 16] * (code - 32)), Read(BlockFormat.Q6_K, block, 256));
    }

    [Fact]
    public void Floats_of_16_bits_are_read()
    {
        Assert.Equal([1.5f, -2], Read(BlockFormat.F16, [.. Half(1.5f), .. Half(-2)], 2));
        Assert.Equal([1, -3], Read(BlockFormat.BF16, [0x80, 0x3F, 0x40, 0xC0], 2));
        Assert.Equal([0.1f], Read(BlockFormat.F32, [.. BitConverter.GetBytes(0.1f)], 1));
        Assert.Throws<NotSupportedException>(() => BlockFormat.Q6_K.Quantize(new float[256], new byte[210]));
    }

    private static BlockFormat Find(string name) =>
        (BlockFormat)typeof(BlockFormat).GetProperty(name)!.GetValue(null)!;

    private static byte[] Half(float value) => BitConverter.GetBytes((Half)value);

    private static float[] Read(BlockFormat format, IEnumerable<byte> block, int count)
    {
        float[] values = new float[count];
        format.Dequantize(block.ToArray(), values);
        return values;
    }
}
