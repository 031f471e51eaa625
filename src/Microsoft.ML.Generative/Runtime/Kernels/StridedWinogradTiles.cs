using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The tiles of images as <see cref="StridedWinogradTransforms"/> makes numbers of them, in vectors of 16 channels.
/// </summary>
/// <param name="shape">The sizes of the small images; the large ones have twice their height and width.</param>
/// <param name="first">The segment that the rows begin with; each has as many rows as the longest.</param>
internal readonly unsafe ref struct StridedWinogradTiles(WinogradShape shape, int first)
{
    /// <summary>The parts of a 4×4 kernel of stride 2, and of large images: even and odd rows, and of these even and odd columns.</summary>
    public const int Phases = 4;

    private const int Lanes = MatrixKernel.Lanes;
    private const int Tile = StridedWinogradTransforms.Tile;
    private const int Points = StridedWinogradTransforms.Points;

    private readonly WinogradShape _shape = shape;
    private readonly int _first = first;

    /// <summary>Transforms large images; each phase has inputs of its own beside the others.</summary>
    /// <param name="images">[batch, inputs, 2 height, 2 width].</param>
    /// <param name="start">The first segment, counted from the one that the rows begin with.</param>
    /// <param name="end">The segment behind the last.</param>
    /// <param name="tiles">Where the first vector belongs.</param>
    /// <param name="distances">
    /// Floats between points, between tiles, and between sixteens of channels; the inputs of a phase follow those of the one before.
    /// </param>
    public void Large(float* images, long start, long end, float* tiles, in Distances distances)
    {
        int columns = 2 * Tile * _shape.TilesInSegment + 2, rows = 2 * Tile + 2, groups = _shape.InputGroups;
        nint row = (nint)columns * Lanes;
        float* pixels = Allocate(rows * columns);
        (int height, int width) = (2 * _shape.Height, 2 * _shape.Width);
        for (int group = 0; group < groups; group++)
        {
            for (int i = (int)start; i < end; i++)
            {
                WinogradShape.Segment segment = _shape[_first + i];
                int shared = SharedRows(segment, isFirst: i == start);
                ChannelWindow.MoveUp(pixels, rows, columns, shared);
                ChannelWindow.Read(
                    Plane(images, segment.Image, _shape.Inputs, group, height * width), Channels(_shape.Inputs, group), (height, width),
                    (2 * segment.Top - 1 + shared, 2 * segment.Left - 1, rows - shared, columns), pixels + shared * row);
                for (int tile = 0; tile < _shape.TilesInSegment; tile++)
                {
                    float* to = tiles + ((nint)i * _shape.TilesInSegment + tile) * distances.Tile + group * distances.Group;
                    float* from = pixels + 2 * Tile * tile * Lanes;
                    for (int phase = 0; phase < Phases; phase++)
                    {
                        StridedWinogradTransforms.Input(
                            from + phase / 2 * row + phase % 2 * Lanes, 2 * row, 2 * Lanes,
                            to + phase * groups * distances.Group, distances.Point);
                    }
                }
            }
        }

        NativeMemory.AlignedFree(pixels);
    }

    /// <summary>Transforms small images for a doubling; each phase has windows of its own.</summary>
    /// <param name="images">[batch, outputs, height, width].</param>
    /// <param name="start">The first segment, counted from the one that the rows begin with.</param>
    /// <param name="end">The segment behind the last.</param>
    /// <param name="tiles">Where the first vector belongs.</param>
    /// <param name="distances">
    /// Floats between points, between tiles, and between sixteens of channels; the points of a phase follow those of the one before.
    /// </param>
    public void Small(float* images, long start, long end, float* tiles, in Distances distances)
    {
        int columns = Tile * _shape.TilesInSegment + 2, rows = Tile + 2, groups = _shape.OutputGroups;
        nint row = (nint)columns * Lanes;
        float* pixels = Allocate(rows * columns);
        for (int group = 0; group < groups; group++)
        {
            for (int i = (int)start; i < end; i++)
            {
                WinogradShape.Segment segment = _shape[_first + i];
                int shared = SharedRows(segment, isFirst: i == start);
                ChannelWindow.MoveUp(pixels, rows, columns, shared);
                Read(
                    images, segment, group, (segment.Top - 1 + shared, segment.Left - 1, rows - shared, columns), pixels + shared * row);
                for (int tile = 0; tile < _shape.TilesInSegment; tile++)
                {
                    float* to = tiles + ((nint)i * _shape.TilesInSegment + tile) * distances.Tile + group * distances.Group;
                    float* from = pixels + Tile * tile * Lanes;
                    // The phases of even rows take the lower pixels, and of these the even columns the right ones.
                    for (int phase = 0; phase < Phases; phase += 2)
                    {
                        float* even = to + phase * Points * distances.Point;
                        StridedWinogradTransforms.InputPair(
                            from + (1 - phase / 2) * row, row, even + Points * distances.Point, even, distances.Point);
                    }
                }
            }
        }

        NativeMemory.AlignedFree(pixels);
    }

    /// <summary>Transforms small images or their gradients for the gradient of the weights.</summary>
    /// <param name="images">[batch, outputs, height, width].</param>
    /// <param name="start">The first segment, counted from the one that the rows begin with.</param>
    /// <param name="end">The segment behind the last.</param>
    /// <param name="tiles">Where the first vector belongs.</param>
    /// <param name="distances">Floats between points, between tiles, and between sixteens of channels.</param>
    public void Gradient(float* images, long start, long end, float* tiles, in Distances distances)
    {
        int columns = Tile * _shape.TilesInSegment, groups = _shape.OutputGroups;
        nint row = (nint)columns * Lanes;
        float* pixels = Allocate(Tile * columns);
        for (int group = 0; group < groups; group++)
        {
            for (int i = (int)start; i < end; i++)
            {
                WinogradShape.Segment segment = _shape[_first + i];
                Read(images, segment, group, (segment.Top, segment.Left, Tile, columns), pixels);
                for (int tile = 0; tile < _shape.TilesInSegment; tile++)
                {
                    StridedWinogradTransforms.Gradient(
                        pixels + Tile * tile * Lanes, row,
                        tiles + ((nint)i * _shape.TilesInSegment + tile) * distances.Tile + group * distances.Group, distances.Point);
                }
            }
        }

        NativeMemory.AlignedFree(pixels);
    }

    /// <summary>Where sixteen channels of an image begin.</summary>
    public static float* Plane(float* images, int image, int channels, int group, int pixels) =>
        images + ((nint)image * channels + group * Lanes) * pixels;

    /// <summary>The channels that a sixteen has.</summary>
    public static int Channels(int channels, int group) => Math.Min(Lanes, channels - group * Lanes);

    // Rows of the window before that a segment's begins with: those around the border between them.
    private int SharedRows(in WinogradShape.Segment segment, bool isFirst) => !isFirst && _shape.IsBelowPrevious(segment) ? 2 : 0;

    private void Read(float* images, WinogradShape.Segment segment, int group, (int, int, int, int) window, float* pixels) =>
        ChannelWindow.Read(
            Plane(images, segment.Image, _shape.Outputs, group, _shape.Height * _shape.Width), Channels(_shape.Outputs, group),
            (_shape.Height, _shape.Width), window, pixels);

    /// <summary>Floats from a vector to the next in one of three directions.</summary>
    public readonly record struct Distances(nint Point, nint Tile, nint Group);

    private static float* Allocate(int pixels) => (float*)NativeMemory.AlignedAlloc((nuint)(pixels * Lanes) * sizeof(float), 64);
}
