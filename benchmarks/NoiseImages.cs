using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Any number of images of 28×28 random bytes, made when they are asked for: rows that take no memory and little time.</summary>
internal sealed class NoiseImages(int count) : IByteImageSource
{
    public int Count => count;

    public ImageShape Shape { get; } = new(1, 28, 28);

    public IReadOnlyList<string> ClassNames => [];

    public void CopyImage(int row, Span<byte> pixels)
    {
        var random = new SplitMix64((ulong)row);
        foreach (ref ulong eight in MemoryMarshal.Cast<byte, ulong>(pixels))
            eight = random.Next();
    }

    public int ClassOf(int row) => throw new NotSupportedException();
}
