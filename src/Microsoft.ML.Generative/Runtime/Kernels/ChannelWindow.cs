namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Windows of images with the 16 channels of a pixel beside each other, [rows, columns, 16]. What is beyond the image or its channels is 0.
/// </summary>
internal static unsafe class ChannelWindow
{
    private const int Lanes = MatrixKernel.Lanes;

    /// <summary>Reads a window, which the image may end in.</summary>
    /// <param name="plane">The first pixel of the first channel.</param>
    /// <param name="channels">The channels that there are, up to 16.</param>
    /// <param name="image">The image's height and width.</param>
    /// <param name="window">The window's first row and column, and how many it has.</param>
    /// <param name="pixels">Where it is put.</param>
    public static void Read(
        float* plane, int channels, (int Height, int Width) image, (int Top, int Left, int Rows, int Columns) window, float* pixels)
    {
        (int top, int left, int rows, int columns) = window;
        (int height, int width) = image;
        nint distance = (nint)height * width;
        int firstRow = Math.Clamp(-top, 0, rows), endRow = Math.Clamp(height - top, firstRow, rows);
        int first = Math.Clamp(-left, 0, columns), end = Math.Clamp(width - left, first, columns);
        int count = end - first;
        Clear(pixels, firstRow * columns);
        // Whole rows of small images are read at once, into the window's end, from where no row is overwritten before it is moved.
        bool isWhole = count == width && width < Lanes;
        float* read = pixels + (nint)(rows * columns - (endRow - firstRow) * width) * Lanes;
        if (isWhole)
            ChannelBlocks.Read(plane + (nint)(top + firstRow) * width, distance, channels, (endRow - firstRow) * width, read);
        for (int row = firstRow; row < endRow; row++)
        {
            float* to = pixels + (nint)row * columns * Lanes;
            if (isWhole)
            {
                new Span<float>(read, width * Lanes).CopyTo(new Span<float>(to + first * Lanes, width * Lanes));
                read += width * Lanes;
            }
            else
            {
                ChannelBlocks.Read(plane + (nint)(top + row) * width + left + first, distance, channels, count, to + first * Lanes);
            }

            Clear(to, first);
            Clear(to + end * Lanes, columns - end);
        }

        Clear(pixels + (nint)endRow * columns * Lanes, (rows - endRow) * columns);
    }

    /// <summary>Moves a window's last rows to its beginning, because the next window has them there.</summary>
    /// <param name="pixels">The window.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="shared">The rows that are moved, up to half of them.</param>
    public static void MoveUp(float* pixels, int rows, int columns, int shared)
    {
        int floats = shared * columns * Lanes;
        new Span<float>(pixels + (nint)(rows - shared) * columns * Lanes, floats).CopyTo(new Span<float>(pixels, floats));
    }

    /// <summary>Writes what of a window is in the image.</summary>
    /// <inheritdoc cref="Read"/>
    public static void Write(
        float* pixels, float* plane, int channels, (int Height, int Width) image, (int Top, int Left, int Rows, int Columns) window)
    {
        (int top, int left, int rows, int columns) = window;
        nint distance = (nint)image.Height * image.Width;
        (rows, int count) = (Math.Min(rows, image.Height - top), Math.Min(columns, image.Width - left));
        float* first = plane + (nint)top * image.Width + left;
        if (columns == image.Width)
        {
            ChannelBlocks.Write(pixels, rows * columns, first, distance, channels);
            return;
        }

        for (int row = 0; row < rows; row++)
            ChannelBlocks.Write(pixels + (nint)row * columns * Lanes, count, first + (nint)row * image.Width, distance, channels);
    }

    private static void Clear(float* pixels, int count) => new Span<float>(pixels, count * Lanes).Clear();
}
