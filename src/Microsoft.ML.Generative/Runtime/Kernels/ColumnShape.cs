namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The sizes of a convolution of images with few channels: 3×3 of stride 1, which keeps the images' size, or 4×4 of stride 2, which halves
/// it; both with padding 1.
/// </summary>
internal readonly struct ColumnShape
{
    /// <param name="batch">Images.</param>
    /// <param name="channels">The few channels.</param>
    /// <param name="features">The channels of the result.</param>
    /// <param name="height">The images' height; even where it is halved.</param>
    /// <param name="width">The images' width; even where it is halved.</param>
    /// <param name="side">The kernel's side, 3 or 4.</param>
    public ColumnShape(long batch, long channels, long features, long height, long width, long side)
    {
        (Batch, Channels, Features) = (checked((int)batch), (int)channels, checked((int)features));
        (Height, Width, Side) = (checked((int)height), checked((int)width), (int)side);
    }

    public int Batch { get; }

    public int Channels { get; }

    public int Features { get; }

    public int Height { get; }

    public int Width { get; }

    public int Side { get; }

    public int Stride => Side - 2;

    public int Rows => Height / Stride;

    public int Columns => Width / Stride;

    /// <summary>Pixels of the result.</summary>
    public int Pixels => Rows * Columns;

    /// <summary>Elements of an image.</summary>
    public int ImageSize => Channels * Height * Width;

    /// <summary>The weights of a feature: values that one of its pixels depends on.</summary>
    public int Taps => Channels * Side * Side;

    public int PaddedFeatures => Padded(Features, MatrixKernel.Rows);

    public int PaddedTaps => Padded(Taps, MatrixKernel.Lanes);

    public int PaddedPixels => Padded(Pixels, MatrixKernel.Lanes);

    private static int Padded(int count, int multiple) => (count + multiple - 1) / multiple * multiple;
}
