namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The sizes of a 3×3 convolution of stride 1 and padding 1, and how it is cut: images into rows of tiles of 4×4 outputs, these into
/// segments that are read at once.
/// </summary>
internal readonly struct WinogradShape
{
    // A segment's pixels of 16 channels stay in the first-level cache.
    private const int MostTiles = 16;

    /// <param name="batch">Images.</param>
    /// <param name="inputs">Channels of the inputs.</param>
    /// <param name="outputs">Channels of the outputs.</param>
    /// <param name="height">Height of the convolution's images.</param>
    /// <param name="width">Their width.</param>
    /// <param name="isEnlarged">
    /// Whether the images that the convolution works on are enlarged twice by nearest neighbors: those in memory have half of the height
    /// and width.
    /// </param>
    public WinogradShape(long batch, long inputs, long outputs, long height, long width, bool isEnlarged = false)
    {
        IsEnlarged = isEnlarged;
        (Batch, Inputs, Outputs, Height, Width) = (checked((int)batch), (int)inputs, (int)outputs, (int)height, (int)width);
        TileRows = (Height + WinogradTransforms.Tile - 1) / WinogradTransforms.Tile;
        TilesInRow = (Width + WinogradTransforms.Tile - 1) / WinogradTransforms.Tile;
        SegmentsInRow = (TilesInRow + MostTiles - 1) / MostTiles;
        TilesInSegment = (TilesInRow + SegmentsInRow - 1) / SegmentsInRow;
        Segments = checked(Batch * TileRows * SegmentsInRow);
    }

    public int Batch { get; }

    public int Inputs { get; }

    public int Outputs { get; }

    public int Height { get; }

    public int Width { get; }

    public int TileRows { get; }

    public int TilesInRow { get; }

    public int SegmentsInRow { get; }

    /// <summary>Tiles of a segment; the last in a row may have fewer.</summary>
    public int TilesInSegment { get; }

    public int Segments { get; }

    public bool IsEnlarged { get; }

    /// <summary>Sixteens of inputs.</summary>
    public int InputGroups => Groups(Inputs);

    /// <summary>Sixteens of outputs.</summary>
    public int OutputGroups => Groups(Outputs);

    /// <summary>
    /// Whether a point is 0 for each image: where two pixels are the same as their neighbors, Bᵀ's third row, −4 · (d₂ − d₁) + d₄ − d₃,
    /// is 0. On the way back such points cancel out.
    /// </summary>
    public bool IsZero(int point) =>
        IsEnlarged && (point / WinogradTransforms.Side == 2 || point % WinogradTransforms.Side == 2);

    /// <summary>A segment, by its number.</summary>
    public Segment this[int index]
    {
        get
        {
            (int line, int part) = Math.DivRem(index, SegmentsInRow);
            (int image, int row) = Math.DivRem(line, TileRows);
            int first = part * TilesInSegment;
            int tiles = Math.Min(TilesInSegment, TilesInRow - first);
            return new Segment(image, row * WinogradTransforms.Tile, first * WinogradTransforms.Tile, tiles);
        }
    }

    /// <summary>Whether the segment before is right above.</summary>
    public bool IsBelowPrevious(in Segment segment) => SegmentsInRow == 1 && segment.Top > 0;

    public static int Groups(int channels) => (channels + MatrixKernel.Lanes - 1) / MatrixKernel.Lanes;

    /// <summary>Neighboring tiles of a row.</summary>
    /// <param name="Image">The image.</param>
    /// <param name="Top">The row of the first output.</param>
    /// <param name="Left">The column of the first output.</param>
    /// <param name="Tiles">The tiles.</param>
    public readonly record struct Segment(int Image, int Top, int Left, int Tiles);
}
