using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Images like MNIST's: digits with blank borders, whose weights get gradients of exactly 0. A training on random bytes has none, and shows
/// nothing of what such gradients cost.
/// </summary>
internal static class DigitRows
{
    private const int DigitSide = 28;

    /// <summary>Vectors Image of side × side bytes.</summary>
    /// <param name="ml">The context.</param>
    /// <param name="count">The number of images.</param>
    /// <param name="side">28 or more: the digit is in the middle.</param>
    public static IDataView Bytes(MLContext ml, int count, int side = DigitSide)
    {
        int border = (side - DigitSide) / 2;
        Row[] rows = [.. ml.Generative().Datasets.Digits(count, seed: 1).GetColumn<byte[]>("Image").Select(digit =>
        {
            byte[] image = new byte[side * side];
            for (int y = 0; y < DigitSide; y++)
                digit.AsSpan(y * DigitSide, DigitSide).CopyTo(image.AsSpan((y + border) * side + border));
            return new Row { Image = image };
        })];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Image"].ColumnType = new VectorDataViewType(NumberDataViewType.Byte, 1, side, side);
        return ml.Data.LoadFromEnumerable(rows, schema);
    }

    private sealed class Row
    {
        public byte[] Image { get; set; } = [];
    }
}
