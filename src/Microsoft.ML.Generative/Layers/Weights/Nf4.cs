using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// Four-bit numbers whose values are quantiles of the normal distribution, with a scale for each block (NormalFloat4; Dettmers et
/// al. 2023). Two of them share a byte, the first in its high half, as in bitsandbytes.
/// </summary>
internal static class Nf4
{
    // For a block of zeros.
    private const double SmallestScale = 1e-38;

    /// <summary>The sixteen values.</summary>
    public static IReadOnlyList<float> Values { get; } =
    [
        -1f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
        -0.09105003625154495f, 0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1f,
    ];

    /// <summary>Quantizes numbers, in any shape.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="blockSize">Neighboring numbers that share a scale, an even number. The last block may be short.</param>
    /// <returns>UInt8, half as many; and the largest magnitude of each block.</returns>
    public static (Tensor Codes, Tensor Scales) Quantize(Tensor values, int blockSize)
    {
        long count = values.numel(), blocks = BlocksOf(count, blockSize);
        Tensor rows = zeros(blocks * blockSize, device: values.device);
        rows.narrow(0, 0, count).copy_(values.flatten());
        rows = rows.view(blocks, blockSize); // [blocks, block size]
        Tensor scales = rows.abs().amax([1]).AtLeast(SmallestScale); // [blocks]
        Tensor nearest = bucketize(rows / scales.unsqueeze(1), _borders.On(values.device)); // [blocks, block size]
        Tensor pairs = nearest.view(-1, 2); // [half of all, 2]
        Tensor codes = pairs.select(1, 0).Times(16).Plus(pairs.select(1, 1)).to(ScalarType.Byte);
        return (codes.narrow(0, 0, BytesOf(count)).clone(), scales);
    }

    /// <summary>The numbers, in one dimension.</summary>
    /// <param name="codes">As they were quantized.</param>
    /// <param name="scales">The scale of each block.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="blockSize">Numbers in a block.</param>
    public static Tensor Dequantize(Tensor codes, Tensor scales, long count, int blockSize)
    {
        Tensor values = _pairs.On(codes.device).index_select(0, codes.to(ScalarType.Int32)).flatten().narrow(0, 0, count); // [count]
        long whole = count / blockSize * blockSize;
        if (whole == count)
            return (values.view(-1, blockSize) * scales.unsqueeze(1)).flatten(); // [blocks, block size] → [count]
        // [whole blocks, block size]
        Tensor first = values.narrow(0, 0, whole).view(-1, blockSize) * scales.narrow(0, 0, scales.size(0) - 1).unsqueeze(1);
        return cat([first.flatten(), values.narrow(0, whole, count - whole) * scales.narrow(0, scales.size(0) - 1, 1)]); // [count]
    }

    public static long BlocksOf(long count, int blockSize) => (count + blockSize - 1) / blockSize;

    public static long BytesOf(long count) => (count + 1) / 2;

    // Halfway between neighbors, [15].
    private static readonly DeviceConstant _borders = new(
        device => tensor(Values.Zip(Values.Skip(1), (low, high) => (low + high) / 2).ToArray(), device: device));

    // The two values of each byte, [256, 2].
    private static readonly DeviceConstant _pairs = new(device => tensor(
        Enumerable.Range(0, 256).SelectMany(code => (float[])[Values[code >> 4], Values[code & 15]]).ToArray(), [256, 2], device: device));
}
