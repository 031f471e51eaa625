using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>Images that lie in memory one after the other.</summary>
internal sealed class StoredImages : IByteImageSource
{
    /// <param name="pixels">All images; its length is a multiple of the size of one.</param>
    /// <param name="classes">The class of each image, from 0, below the number of names.</param>
    /// <param name="shape">Shape of one image.</param>
    /// <param name="classNames">Name of each class.</param>
    public StoredImages(byte[] pixels, byte[] classes, ImageShape shape, IReadOnlyList<string> classNames)
    {
        if (pixels.LongLength != (long)classes.Length * shape.Size)
            throw new ArgumentException($"{pixels.LongLength:N0} bytes are not {classes.Length:N0} images of {shape}.", nameof(pixels));
        (Pixels, Classes, Shape, ClassNames) = (pixels, classes, shape, classNames);
    }

    /// <summary>All images, one after the other.</summary>
    public byte[] Pixels { get; }

    /// <summary>The class of each image, from 0.</summary>
    public byte[] Classes { get; }

    public int Count => Classes.Length;

    public ImageShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public void CopyImage(int row, Span<byte> pixels) => Pixels.AsSpan(row * Shape.Size, Shape.Size).CopyTo(pixels);

    public int ClassOf(int row) => Classes[row];
}
