using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Rows of 784 random values in memory, as a user's own list.</summary>
internal static class RandomRows
{
    public const int Width = 784;

    public static IDataView Bytes(MLContext ml, int count)
    {
        var random = new Random(1);
        return ml.Data.LoadFromEnumerable(Make(count, () =>
        {
            byte[] image = new byte[Width];
            random.NextBytes(image);
            return new ByteRow { Image = image };
        }));
    }

    public static IDataView Floats(MLContext ml, int count)
    {
        var random = new Random(1);
        return ml.Data.LoadFromEnumerable(Make(count, () =>
        {
            float[] image = new float[Width];
            for (int i = 0; i < Width; i++)
                image[i] = random.NextSingle();
            return new FloatRow { Image = image };
        }));
    }

    private static T[] Make<T>(int count, Func<T> row) => [.. Enumerable.Range(0, count).Select(_ => row())];

    public sealed class ByteRow
    {
        [VectorType(1, 28, 28)]
        public byte[] Image { get; set; } = [];
    }

    public sealed class FloatRow
    {
        [VectorType(1, 28, 28)]
        public float[] Image { get; set; } = [];
    }
}
