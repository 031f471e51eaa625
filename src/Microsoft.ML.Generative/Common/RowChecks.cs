namespace Microsoft.ML.Generative.Common;

/// <summary>Checks of rows and vectors that callers pass as arrays.</summary>
internal static class RowChecks
{
    /// <exception cref="ArgumentException">There are more or fewer values.</exception>
    public static void HasSize(ReadOnlySpan<float> values, int expected, string name)
    {
        if (values.Length != expected)
            throw new ArgumentException($"{values.Length} values were given; expected {expected}.", name);
    }

    /// <exception cref="ArgumentException">There are more or fewer values, or one is out of its range or not a number.</exception>
    public static void HasValues(ReadOnlySpan<float> values, int expected, ValueRange range, string name)
    {
        HasSize(values, expected, name);
        IsWithin(values, range, name);
    }

    /// <exception cref="ArgumentException">A value is out of its range, or not a number.</exception>
    public static void IsWithin(ReadOnlySpan<float> values, ValueRange range, string name)
    {
        foreach (float value in values)
        {
            if (!(value >= range.Lowest && value <= range.Highest))
                throw new ArgumentException(
                    $"The value {value} was given; expected "
                    + $"{(range == ValueRange.Finite ? "finite values" : $"{range.Lowest} to {range.Highest}")}.", name);
        }
    }
}
