using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;

namespace Microsoft.ML.Generative.Common;

/// <summary>
/// Standard normal noise that belongs to each row: sampled on the CPU from the row's own key, so that a row has the same noise whatever
/// rows it is computed with and on whatever device.
/// </summary>
/// <param name="keys">One per row.</param>
/// <param name="rowShape">The shape of a row's noise.</param>
/// <param name="device">Where the noise is wanted.</param>
internal sealed class KeyedNoise(IReadOnlyList<long> keys, long[] rowShape, torch.Device device)
{
    // Elements that a kernel passes over in the time that one value takes.
    private const int CostOfValue = 32;

    private readonly int _size = checked((int)rowShape.Aggregate(1L, (product, size) => checked(product * size)));
    private long _samples;

    /// <summary>How far values may be from 0; those beyond are sampled again.</summary>
    public double? Bound { get; init; }

    /// <summary>The next noise of each row, [rows, ..row shape].</summary>
    public unsafe torch.Tensor Next()
    {
        torch.Tensor noise = torch.empty([keys.Count, .. rowShape], dtype: torch.ScalarType.Float32);
        if (noise.numel() > 0)
        {
            fixed (long* first = keys as long[] ?? [.. keys])
            {
                var work = new Work
                {
                    Keys = first,
                    Values = (float*)TensorMemory.Start(noise),
                    Size = _size,
                    Sample = _samples,
                    Bound = Bound ?? double.PositiveInfinity,
                };
                ThreadTeam.Run(keys.Count, (int)Math.Min(CostOfValue * (long)_size, int.MaxValue), &work, &Fill);
            }
        }

        _samples++;
        return noise.OnDevice(device);
    }

    // Here the elements are rows.
    private static unsafe void Fill(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        for (long row = start; row < end; row++)
        {
            var own = new Span<float>(work.Values + row * work.Size, work.Size);
            var random = new RowRandom(work.Keys[row], work.Sample);
            if (double.IsInfinity(work.Bound))
                RowNoise.Fill(own, random);
            else
                RowNoise.FillWithin(own, random, work.Bound);
        }
    }

    private unsafe struct Work
    {
        public long* Keys;
        public float* Values;
        public int Size;
        public long Sample;
        public double Bound;
    }
}
