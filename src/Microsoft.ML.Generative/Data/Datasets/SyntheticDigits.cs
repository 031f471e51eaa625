using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>Synthetic handwritten digits, each computed when it is read, from the seed and the number of its row alone.</summary>
internal sealed class SyntheticDigits(int count, long seed) : IByteImageSource
{
    private const int Classes = 10;

    private static readonly string[] _classNames =
        [.. Enumerable.Range(0, Classes).Select(digit => digit.ToString(System.Globalization.CultureInfo.InvariantCulture))];

    public int Count => count;

    public ImageShape Shape { get; } = new(1, DigitPainter.Side, DigitPainter.Side);

    public IReadOnlyList<string> ClassNames => _classNames;

    public void CopyImage(int row, Span<byte> pixels)
    {
        RowRandom random = new(seed, row);
        DigitPainter.Paint(ClassOf(row), ref random, pixels);
    }

    public int ClassOf(int row)
    {
        // Each ten rows are a shuffled run of the ten digits. Negative numbers keep these random numbers apart from those of the images.
        var (block, place) = Math.DivRem(row, Classes);
        RowRandom random = new(seed, ~(long)block);
        Span<int> digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (var i = Classes - 1; i >= place; i--)
        {
            var j = random.Next(i + 1);
            (digits[i], digits[j]) = (digits[j], digits[i]);
        }
        return digits[place];
    }
}
