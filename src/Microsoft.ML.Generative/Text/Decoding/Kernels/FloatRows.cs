namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Rows of floats in memory that belongs to somebody else.</summary>
/// <param name="start">The first row.</param>
/// <param name="stride">Floats from a row to the next.</param>
internal readonly unsafe struct FloatRows(float* start, int stride)
{
    public float* Start => start;

    public int Stride => stride;

    public float* this[int row] => start + (long)stride * row;
}
