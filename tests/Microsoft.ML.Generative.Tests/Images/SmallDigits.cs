using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Digits of 14 × 14 pixels, the means of four pixels each: a quarter of the work, and still legible.</summary>
internal static class SmallDigits
{
    private const int Side = 14;

    public static IDataView Load(MLContext ml, int count, int seed)
    {
        IDataView digits = ml.Generative().Datasets.Digits(count, seed);
        return ml.Data.LoadFromEnumerable(
            digits.GetColumn<byte[]>("Image").Zip(digits.GetColumn<uint>("Label"), (image, label) => new Digit
            {
                Image = [.. Enumerable.Range(0, Side * Side).Select(i => Mean(image, 2 * (i / Side), 2 * (i % Side)))],
                Label = label - 1,
            }).ToArray());
    }

    private static byte Mean(byte[] image, int y, int x)
    {
        int first = y * 2 * Side + x;
        return (byte)((image[first] + image[first + 1] + image[first + 2 * Side] + image[first + 2 * Side + 1]) / 4);
    }

    private sealed class Digit
    {
        [VectorType(1, Side, Side)]
        public byte[] Image { get; set; } = [];

        [KeyType(10)]
        public uint Label { get; set; }
    }
}
