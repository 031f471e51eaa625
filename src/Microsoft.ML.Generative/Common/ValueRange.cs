namespace Microsoft.ML.Generative.Common;

/// <summary>The values that a feature column may hold.</summary>
internal readonly record struct ValueRange(float Lowest, float Highest)
{
    public static ValueRange Finite { get; } = new(float.MinValue, float.MaxValue);

    /// <summary>Intensities and probabilities.</summary>
    public static ValueRange Unit { get; } = new(0, 1);

    /// <summary>
    /// What a network can learn that does not scale its rows itself: values with a standard deviation of about 1, and outliers.
    /// </summary>
    public static ValueRange Scaled { get; } = new(-100, 100);
}
