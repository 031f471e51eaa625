using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The sizes of a convolution of images: 3×3 of stride 1, which keeps the images' size, or 4×4 of stride 2, which halves
/// it; both with padding 1.
/// </summary>
internal readonly struct ConvolutionShape
{
    /// <param name="batch">Images.</param>
    /// <param name="channels">The images' channels.</param>
    /// <param name="features">The channels of the result.</param>
    /// <param name="height">The images' height; even where it is halved.</param>
    /// <param name="width">The images' width; even where it is halved.</param>
    /// <param name="side">The kernel's side, 3 or 4.</param>
    public ConvolutionShape(long batch, long channels, long features, long height, long width, long side)
    {
        (Batch, Channels, Features) = (checked((int)batch), (int)channels, checked((int)features));
        (Height, Width, Side) = (checked((int)height), checked((int)width), (int)side);
    }

    /// <summary>
    /// The sizes of a convolution, or of its transpose, that kernels can compute; <see langword="null"/>: libtorch has to.
    /// </summary>
    /// <inheritdoc cref="Of"/>
    public static ConvolutionShape? Find(torch.Tensor input, torch.Tensor weight, bool isTransposed)
    {
        if (!Avx512F.IsSupported || !CpuKernels.CanUse(input) || !CpuKernels.CanUse(weight) || input.dim() != 4 || input.numel() == 0
            || input.size(1) != weight.size(isTransposed ? 0 : 1))
            return null;
        ConvolutionShape shape = Of(input, weight, isTransposed);
        return shape.Height % shape.Stride == 0 && shape.Width % shape.Stride == 0 ? shape : null;
    }

    /// <summary>The sizes of a convolution, or of its transpose.</summary>
    /// <param name="input">[batch, channels, height, width]; of the transpose [batch, features, rows, columns].</param>
    /// <param name="weight">[features, channels, side, side] of the convolution, or that whose transpose it is.</param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static ConvolutionShape Of(torch.Tensor input, torch.Tensor weight, bool isTransposed)
    {
        long scale = isTransposed ? weight.size(2) - 2 : 1;
        return new(input.size(0), weight.size(1), weight.size(0), scale * input.size(2), scale * input.size(3), weight.size(2));
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
