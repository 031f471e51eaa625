using System.Security.Cryptography;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Tests;

public class DigitsTests
{
    private const int Size = 784;

    [Fact]
    public void The_same_seed_draws_the_same_bytes_and_another_seed_others()
    {
        Assert.Equal(Draw(50, 3), Draw(50, 3));
        Assert.NotEqual(Draw(50, 3), Draw(50, 4));
    }

    [Fact]
    public void The_first_rows_do_not_depend_on_the_count() => Assert.Equal(Draw(30, 3), Draw(300, 3)[..(30 * Size)]);

    [Fact]
    public void The_bytes_are_the_same_on_every_machine_and_in_every_version()
    {
        // Taken from this program and looked at. Drawing uses nothing that IEEE 754 does not fix to the bit.
        Assert.Equal(SnapshotOfHundred, Convert.ToHexStringLower(SHA256.HashData(Draw(100, 1))));
    }

    [Fact]
    public void Without_a_seed_the_contexts_seed_decides()
    {
        Assert.Equal(Bytes(new MLContext(3).Generative().Datasets.Digits(20)), Draw(20, 3));
        Assert.NotEqual(Bytes(new MLContext().Generative().Datasets.Digits(20)), Bytes(new MLContext().Generative().Datasets.Digits(20)));
    }

    [Fact]
    public void Every_ten_rows_show_each_digit_once_in_changing_order()
    {
        SyntheticDigits digits = new(1000, 3);
        var tens = Enumerable.Range(0, 100).Select(ten => Enumerable.Range(10 * ten, 10).Select(digits.ClassOf).ToArray()).ToArray();

        Assert.All(tens, ten => Assert.Equal(Enumerable.Range(0, 10), ten.Order()));
        Assert.InRange(tens.Select(ten => string.Concat(ten)).Distinct().Count(), 99, 100);
        // A digit stands first in 10 of 100; fewer than 1 or more than 25 happens once in 10,000 tries.
        Assert.All(tens.CountBy(ten => ten[0]), first => Assert.InRange(first.Value, 1, 25));
    }

    [Fact]
    public void No_two_of_a_thousand_are_alike()
    {
        var pixels = Draw(1000, 3);
        Assert.Equal(1000, Enumerable.Range(0, 1000).Select(row => Convert.ToHexString(pixels, row * Size, Size)).Distinct().Count());
    }

    [Fact]
    public void The_ink_is_that_of_handwriting()
    {
        var pixels = Draw(1000, 3);
        var inks = Enumerable.Range(0, 1000).Select(row => pixels.AsSpan(row * Size, Size).ToArray().Average(pixel => pixel / 255.0))
            .ToArray();

        // MNIST: 0.13 on average.
        Assert.InRange(inks.Average(), 0.10, 0.18);
        Assert.All(inks, ink => Assert.InRange(ink, 0.02, 0.4));
        for (var row = 0; row < 1000; row++)
            Assert.True(pixels.AsSpan(row * Size, Size).ContainsAnyInRange((byte)180, byte.MaxValue), $"row {row} is faint");
    }

    [Fact]
    public void Digits_stay_within_the_image()
    {
        var pixels = Draw(1000, 3);
        // What the edge holds is a sign of strokes cut off: a little of the softest edge is all that may reach it.
        var edge = Enumerable.Range(0, pixels.Length).Where(i => i % Size / 28 is 0 or 27 || i % 28 is 0 or 27)
            .Average(i => pixels[i] / 255.0);
        Assert.InRange(edge, 0, 0.005);
    }

    [Fact]
    public void The_nearest_mean_tells_most_digits_but_not_all()
    {
        var (pixels, digits) = (Draw(2500, 3), new SyntheticDigits(2500, 3));
        var means = new double[10][];
        for (var digit = 0; digit < 10; digit++)
        {
            means[digit] = new double[Size];
            for (var row = 0; row < 2000; row++)
            {
                if (digits.ClassOf(row) == digit)
                {
                    for (var i = 0; i < Size; i++)
                        means[digit][i] += pixels[row * Size + i] / 200.0;
                }
            }
        }
        var right = Enumerable.Range(2000, 500).Count(row => digits.ClassOf(row) == Enumerable.Range(0, 10)
            .MinBy(digit => Enumerable.Range(0, Size).Sum(i => Math.Pow(pixels[row * Size + i] - means[digit][i], 2))));

        // On MNIST this classifier is right in 82 % of the cases.
        Assert.InRange(right / 500.0, 0.80, 0.99);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_count_below_one_is_refused(int count) =>
        Assert.Equal(
            "count", Assert.Throws<ArgumentOutOfRangeException>(() => new MLContext().Generative().Datasets.Digits(count)).ParamName);

    [Fact]
    public void Every_shape_fits_the_painters_room_and_names_only_its_points()
    {
        Assert.Equal(10, DigitShape.OfDigits.Length);
        Assert.All(DigitShape.OfDigits.SelectMany(shapes => shapes), shape =>
        {
            Assert.InRange(shape.Points.Length, 2 * 3, 2 * DigitShape.MostPoints);
            Assert.All(shape.Points, coordinate => Assert.InRange(coordinate, 0f, 1f));
            Assert.Equal(Enumerable.Range(0, shape.Points.Length / 2), shape.Strokes.SelectMany(stroke => stroke).Distinct().Order());
        });
    }

    private const string SnapshotOfHundred = "c65fddf917eb7d2b95d45ffe04bba3cb2ef9e4fcfb4e07d7300cc02da5bf3477";

    private static byte[] Draw(int count, int seed) => Bytes(new MLContext().Generative().Datasets.Digits(count, seed));

    private static byte[] Bytes(IDataView view) => [.. view.GetColumn<byte[]>("Image").SelectMany(image => image)];
}
