namespace Microsoft.ML.Generative.Common;

/// <summary>The values that a feature column may hold.</summary>
internal readonly record struct ValueRange(float Lowest, float Highest)
{
    public static ValueRange Finite { get; } = new(float.MinValue, float.MaxValue);

    /// <summary>Intensities and probabilities.</summary>
    public static ValueRange Unit { get; } = new(0, 1);
}
