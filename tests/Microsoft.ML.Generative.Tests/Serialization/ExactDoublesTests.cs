using System.Text.Json;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

public sealed class ExactDoublesTests
{
    [Fact]
    public void Powers_of_two_and_their_neighbors_come_back_to_the_bit()
    {
        double[] powers = [.. Enumerable.Range(-1074, 2098).Select(exponent => Math.ScaleB(1, exponent))];
        double[] positive = [.. powers, .. powers.Select(Math.BitIncrement), .. powers.Select(Math.BitDecrement)];
        double[] values = [.. positive, .. positive.Select(value => -value)];
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(values, ExactDoubles.Options);
        double[] back = JsonSerializer.Deserialize<double[]>(json, ExactDoubles.Options)!;
        Assert.Equal(values.Select(BitConverter.DoubleToInt64Bits), back.Select(BitConverter.DoubleToInt64Bits));
    }

    [Fact]
    public void A_value_that_is_missing_stays_missing() =>
        Assert.Equal([null, 0.1], JsonSerializer.Deserialize<double?[]>(
            JsonSerializer.Serialize(new double?[] { null, 0.1 }, ExactDoubles.Options), ExactDoubles.Options)!);

    [Fact]
    public void What_is_not_finite_is_refused() =>
        Assert.Throws<ArgumentException>(() => JsonSerializer.Serialize(double.NaN, ExactDoubles.Options));
}
