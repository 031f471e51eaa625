using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>A segment's pixels in one thread's memory, each with its 16 channels beside each other, [rows, columns, 16].</summary>
internal unsafe ref struct WinogradPixels
{
    private const int Lanes = MatrixKernel.Lanes;

    private readonly float* _images;
    private readonly int _channels;
    private readonly int _height;
    private readonly int _width;
    private readonly bool _isEnlarged;

    /// <param name="images">[batch, channels, height, width], or of half of the height and width.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="shape">The sizes.</param>
    /// <param name="isEnlarged">Whether an image's pixel counts for 2×2 of the convolution's.</param>
    public WinogradPixels(float* images, int channels, in WinogradShape shape, bool isEnlarged = false)
    {
        _images = images;
        (_channels, _height, _width, _isEnlarged) = (channels, shape.Height, shape.Width, isEnlarged);
        int pixels = WinogradTransforms.Side * (WinogradTransforms.Tile * shape.TilesInSegment + 2) * Lanes;
        First = (float*)NativeMemory.AlignedAlloc((nuint)pixels * sizeof(float), 64);
    }

    /// <summary>The first pixel.</summary>
    public readonly float* First { get; }

    /// <summary>Reads 16 channels of a segment; returns the floats between rows. What is beyond the image or its channels is 0.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="group">Which sixteen of channels.</param>
    /// <param name="border">Pixels around the outputs that are read, too: 0 or 1.</param>
    /// <param name="isBelow">Whether the segment right above it, of the same channels and with the same border, was read before.</param>
    public readonly nint Read(in WinogradShape.Segment segment, int group, int border, bool isBelow = false)
    {
        int rows = WinogradTransforms.Tile + 2 * border, columns = WinogradTransforms.Tile * segment.Tiles + 2 * border;
        int left = segment.Left - border, first = Math.Max(0, left), end = Math.Min(_width, left + columns);
        float* plane = Plane(segment.Image, group);
        // The rows around the border between them.
        int shared = isBelow ? 2 * border : 0;
        ChannelWindow.MoveUp(First, rows, columns, shared);
        if (!_isEnlarged)
        {
            ChannelWindow.Read(
                plane, Channels(group), (_height, _width), (segment.Top - border + shared, left, rows - shared, columns),
                First + shared * columns * Lanes);
            return (nint)columns * Lanes;
        }

        for (int i = shared; i < rows; i++)
        {
            float* to = First + (nint)i * columns * Lanes;
            int y = segment.Top - border + i;
            if (y < 0 || y >= _height)
            {
                new Span<float>(to, columns * Lanes).Clear();
                continue;
            }

            new Span<float>(to, (first - left) * Lanes).Clear();
            new Span<float>(to + (end - left) * Lanes, (left + columns - end) * Lanes).Clear();
            if (i > 0 && y % 2 == 1)
                new Span<float>(to - columns * Lanes, columns * Lanes).CopyTo(new Span<float>(to, columns * Lanes));
            else
                Enlarge(plane + (nint)(y / 2) * (_width / 2), group, first, end, to + (first - left) * Lanes);
        }

        return (nint)columns * Lanes;
    }

    /// <summary>
    /// Writes 16 channels of a segment, without what is beyond the image or its channels; where a pixel counts for 2×2, their sum.
    /// </summary>
    /// <param name="segment">The segment.</param>
    /// <param name="group">Which sixteen of channels.</param>
    public readonly void Write(in WinogradShape.Segment segment, int group)
    {
        int columns = WinogradTransforms.Tile * segment.Tiles;
        if (_isEnlarged)
        {
            int rows = Math.Min(WinogradTransforms.Tile, _height - segment.Top), width = Math.Min(columns, _width - segment.Left);
            Reduce(segment, group, rows / 2, width / 2, (nint)columns * Lanes);
            return;
        }

        ChannelWindow.Write(
            First, Plane(segment.Image, group), Channels(group), (_height, _width),
            (segment.Top, segment.Left, WinogradTransforms.Tile, columns));
    }

    public readonly void Dispose() => NativeMemory.AlignedFree(First);

    // Columns first to end of a row of the enlarged image, read from the right so that no pixel is overwritten before it is used.
    private readonly void Enlarge(float* row, int group, int first, int end, float* to)
    {
        int source = first / 2, count = (end + 1) / 2 - source;
        ChannelBlocks.Read(row + source, Distance, Channels(group), count, to);
        for (int x = end - 1; x >= first; x--)
            Vector512.Load(to + (x / 2 - source) * Lanes).Store(to + (x - first) * Lanes);
    }

    private readonly void Reduce(in WinogradShape.Segment segment, int group, int rows, int columns, nint row)
    {
        float* first = Plane(segment.Image, group) + (nint)(segment.Top / 2) * (_width / 2) + segment.Left / 2;
        for (int i = 0; i < rows; i++)
        {
            float* from = First + 2 * i * row, to = First + (nint)i * columns * Lanes;
            for (int x = 0; x < columns; x++)
            {
                Vector512<float> upper = Vector512.Load(from + 2 * x * Lanes) + Vector512.Load(from + (2 * x + 1) * Lanes);
                Vector512<float> lower = Vector512.Load(from + 2 * x * Lanes + row) + Vector512.Load(from + (2 * x + 1) * Lanes + row);
                (upper + lower).Store(to + x * Lanes);
            }

            ChannelBlocks.Write(to, columns, first + (nint)i * (_width / 2), Distance, Channels(group));
        }
    }

    private readonly nint Distance => _isEnlarged ? (nint)_height * _width / 4 : (nint)_height * _width;

    private readonly float* Plane(int image, int group) => _images + ((nint)image * _channels + group * Lanes) * Distance;

    private readonly int Channels(int group) => Math.Min(Lanes, _channels - group * Lanes);
}
