using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// A 4×4 convolution of stride 2 and padding 1, which halves images, and its transpose, which doubles them, by Winograd's algorithm
/// (<see cref="StridedWinogradTransforms"/>): two fifths of the multiplications. The filters of 32 outputs at a time are in one core's
/// cache, because they are more than six times as large as the weights.
/// </summary>
internal static unsafe class StridedWinogradConvolution
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Points = StridedWinogradTransforms.Points;
    private const int Side = 4;
    private const int Kernel = Side * Side;
    private const int Phases = StridedWinogradTiles.Phases;
    private const int Tile = StridedWinogradTransforms.Tile;

    // The sixteens of outputs that are computed together.
    private const int Together = 2;

    // What the transformed inputs of a block may take of the last cache.
    private const int BlockBytes = 4 << 20;
    private const int FewestTiles = 64;

    // The tiles whose products, before they become outputs, stay in a core's second-level cache.
    private const int TilesInPart = 64;

    /// <summary>small = w ∗ large + b, of stride 2.</summary>
    /// <param name="large">[batch, inputs, 2 height, 2 width].</param>
    /// <param name="w">[outputs, inputs, 4, 4].</param>
    /// <param name="bias">[outputs], or null.</param>
    /// <param name="small">[batch, outputs, height, width].</param>
    /// <param name="shape">The sizes of the small images.</param>
    public static void Halve(float* large, float* w, float* bias, float* small, WinogradShape shape) =>
        Run(large, w, bias, small, shape, isDoubling: false);

    /// <summary>The transpose: of the small images, the large ones.</summary>
    /// <param name="small">[batch, outputs, height, width].</param>
    /// <param name="w">[outputs, inputs, 4, 4].</param>
    /// <param name="bias">[inputs], or null.</param>
    /// <param name="large">[batch, inputs, 2 height, 2 width].</param>
    /// <param name="shape">The sizes of the small images.</param>
    public static void Double(float* small, float* w, float* bias, float* large, WinogradShape shape) =>
        Run(small, w, bias, large, shape, isDoubling: true);

    private static void Run(float* from, float* w, float* bias, float* to, WinogradShape shape, bool isDoubling)
    {
        int windows = isDoubling ? Phases : 1;
        int row = isDoubling ? shape.OutputGroups * Lanes : Phases * shape.InputGroups * Lanes;
        int tiles = Math.Max(FewestTiles, BlockBytes / (windows * Points * row * sizeof(float)));
        int segments = Math.Clamp(tiles / shape.TilesInSegment, 1, shape.Segments);
        // Of equal sizes, as good as: each block's filters are computed again.
        segments = Quotient(shape.Segments, Quotient(shape.Segments, segments));
        int rows = Padded(segments * shape.TilesInSegment) + MatrixKernel.Rows;
        // The additional sixteen spread the points over the cache's sets.
        nint point = (nint)rows * row + Lanes;
        int groups = isDoubling ? shape.InputGroups : shape.OutputGroups;
        nint kernels = isDoubling ? (nint)groups * shape.Outputs * Kernel * Lanes : 0;
        nint floats = windows * Points * point + groups * Lanes + kernels;
        using KernelMemory.Block block = KernelMemory.Take(floats);
        float* memory = block.Start;
        var work = new Work
        {
            From = from,
            Weights = w,
            To = to,
            Tiles = memory,
            Biases = memory + windows * Points * point,
            Kernels = memory + windows * Points * point + groups * Lanes,
            Shape = shape,
            Row = row,
            Point = point,
            Groups = groups,
            SegmentsInPart = Quotient(segments, Quotient(segments, Math.Clamp(TilesInPart / shape.TilesInSegment, 1, segments))),
        };
        int outputs = isDoubling ? shape.Inputs : shape.Outputs;
        new Span<float>(work.Biases, groups * Lanes).Clear();
        if (bias != null)
            new Span<float>(bias, outputs).CopyTo(new Span<float>(work.Biases, outputs));
        if (isDoubling)
            ThreadTeam.Run(shape.Outputs, groups * Kernel * Lanes, &work, &TurnKernels);
        // Products are computed of rows in eights.
        for (int i = 0; i < windows * Points; i++)
        {
            int used = segments * shape.TilesInSegment;
            new Span<float>(memory + i * point + (nint)used * row, (rows - used) * row).Clear();
        }

        for (work.First = 0; work.First < shape.Segments; work.First += segments)
        {
            work.Segments = Math.Min(segments, shape.Segments - work.First);
            int size = shape.TilesInSegment * windows * Points * row;
            ThreadTeam.Run(work.Segments, size, &work, isDoubling ? &TransformSmall : &TransformLarge);
            int parts = (work.Segments + work.SegmentsInPart - 1) / work.SegmentsInPart;
            work.Parts = parts;
            ThreadTeam.Run(
                (groups + Together - 1) / Together * parts, work.SegmentsInPart * shape.TilesInSegment * Points * row, &work,
                isDoubling ? &ComputeLarge : &ComputeSmall);
        }
    }

    // Here the elements are segments of the block.
    private static void TransformLarge(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        new StridedWinogradTiles(work.Shape, work.First).Large(work.From, start, end, work.Tiles, work.Distances);
    }

    // Here the elements are segments of the block.
    private static void TransformSmall(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        new StridedWinogradTiles(work.Shape, work.First).Small(work.From, start, end, work.Tiles, work.Distances);
    }

    // Here the elements are outputs of the convolution.
    private static void TurnKernels(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        for (int output = (int)start; output < end; output++)
        {
            for (int group = 0; group < work.Groups; group++)
            {
                ChannelBlocks.Read(
                    work.Weights + ((nint)output * shape.Inputs + group * Lanes) * Kernel, Kernel,
                    StridedWinogradTiles.Channels(shape.Inputs, group), Kernel, KernelOf(work, group, output));
            }
        }
    }

    private static float* KernelOf(in Work work, int group, int output) =>
        work.Kernels + ((nint)group * work.Shape.Outputs + output) * Kernel * Lanes;

    // Here the elements are parts of the block, for each pair of sixteens of outputs.
    private static void ComputeSmall(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int tilesInPart = work.SegmentsInPart * shape.TilesInSegment, columns = Tile * shape.TilesInSegment;
        using var memory = new Scratch(work.Row, tilesInPart, Tile * columns);
        // Inputs that fill up a sixteen have no weights.
        memory.ClearFilters();
        int filtered = -1;
        for (int item = (int)start; item < end; item++)
        {
            (int pair, int part) = Math.DivRem(item, work.Parts);
            int groups = Math.Min(Together, work.Groups - pair * Together);
            if (pair != filtered)
            {
                FilterForSmall(work, pair, groups, memory);
                filtered = pair;
            }

            int first = part * work.SegmentsInPart, last = Math.Min(work.Segments, first + work.SegmentsInPart);
            memory.Multiply(work.Tiles, work, first, last, work.Row, groups);
            for (int i = first; i < last; i++)
            {
                WinogradShape.Segment segment = shape[work.First + i];
                for (int group = 0; group < groups; group++)
                {
                    int outputGroup = pair * Together + group;
                    Vector512<float> bias = Vector512.Load(work.Biases + outputGroup * Lanes);
                    for (int tile = 0; tile < shape.TilesInSegment; tile++)
                    {
                        StridedWinogradTransforms.Output(
                            memory.Product((i - first) * shape.TilesInSegment + tile, group), memory.ProductPoint, bias,
                            memory.Pixels + tile * Tile * Lanes, columns * Lanes, Lanes);
                    }

                    ChannelWindow.Write(
                        memory.Pixels,
                        StridedWinogradTiles.Plane(work.To, segment.Image, shape.Outputs, outputGroup, shape.Height * shape.Width),
                        StridedWinogradTiles.Channels(shape.Outputs, outputGroup), (shape.Height, shape.Width),
                        (segment.Top, segment.Left, Tile, columns));
                }
            }
        }
    }

    // Here the elements are parts of the block, for each pair of sixteens of outputs.
    private static void ComputeLarge(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int tilesInPart = work.SegmentsInPart * shape.TilesInSegment, columns = 2 * Tile * shape.TilesInSegment;
        int rows = 2 * Tile, pixelsOfSegment = rows * columns;
        using var memory = new Scratch(work.Row, tilesInPart, work.SegmentsInPart * Together * pixelsOfSegment);
        nint row = (nint)columns * Lanes;
        (int height, int width) = (2 * shape.Height, 2 * shape.Width);
        for (int item = (int)start; item < end; item++)
        {
            (int pair, int part) = Math.DivRem(item, work.Parts);
            int groups = Math.Min(Together, work.Groups - pair * Together);
            int first = part * work.SegmentsInPart, last = Math.Min(work.Segments, first + work.SegmentsInPart);
            for (int phase = 0; phase < Phases; phase++)
            {
                FilterForLarge(work, pair, groups, phase, memory);
                memory.Multiply(work.Tiles + phase * Points * work.Point, work, first, last, shape.Outputs, groups);
                for (int i = first; i < last; i++)
                {
                    for (int group = 0; group < groups; group++)
                    {
                        Vector512<float> bias = Vector512.Load(work.Biases + (pair * Together + group) * Lanes);
                        float* to = memory.Pixels + (nint)((i - first) * Together + group) * pixelsOfSegment * Lanes
                            + (1 - phase / 2) * row + (1 - phase % 2) * Lanes;
                        for (int tile = 0; tile < shape.TilesInSegment; tile++)
                        {
                            StridedWinogradTransforms.Output(
                                memory.Product((i - first) * shape.TilesInSegment + tile, group), memory.ProductPoint, bias,
                                to + 2 * tile * Tile * Lanes, 2 * row, 2 * Lanes);
                        }
                    }
                }
            }

            for (int i = first; i < last; i++)
            {
                WinogradShape.Segment segment = shape[work.First + i];
                for (int group = 0; group < groups; group++)
                {
                    int outputGroup = pair * Together + group;
                    ChannelWindow.Write(
                        memory.Pixels + (nint)((i - first) * Together + group) * pixelsOfSegment * Lanes,
                        StridedWinogradTiles.Plane(work.To, segment.Image, shape.Inputs, outputGroup, height * width),
                        StridedWinogradTiles.Channels(shape.Inputs, outputGroup),
                        (height, width), (2 * segment.Top, 2 * segment.Left, rows, columns));
                }
            }
        }
    }

    private static void FilterForSmall(in Work work, int pair, int groups, in Scratch memory)
    {
        WinogradShape shape = work.Shape;
        float* kernel = stackalloc float[Kernel * Lanes];
        for (int group = 0; group < groups; group++)
        {
            int first = (pair * Together + group) * Lanes;
            for (int input = 0; input < shape.Inputs; input++)
            {
                float* from = work.Weights + ((nint)first * shape.Inputs + input) * Kernel;
                ChannelBlocks.Read(from, (nint)shape.Inputs * Kernel, Math.Min(Lanes, shape.Outputs - first), Kernel, kernel);
                for (int phase = 0; phase < Phases; phase++)
                {
                    StridedWinogradTransforms.Filter(
                        kernel + (phase / 2 * Side + phase % 2) * Lanes, 2 * Side * Lanes, 2 * Lanes, memory.Between,
                        memory.Filter(phase * shape.InputGroups * Lanes + input, group), memory.FilterPoint);
                }
            }
        }
    }

    // Turned around, as the transpose of a convolution has its kernels.
    private static void FilterForLarge(in Work work, int pair, int groups, int phase, in Scratch memory)
    {
        for (int group = 0; group < groups; group++)
        {
            for (int input = 0; input < work.Shape.Outputs; input++)
            {
                float* last = KernelOf(work, pair * Together + group, input) + ((2 + phase / 2) * Side + 2 + phase % 2) * Lanes;
                StridedWinogradTransforms.Filter(
                    last, -2 * Side * Lanes, -2 * Lanes, memory.Between, memory.Filter(input, group), memory.FilterPoint);
            }
        }
    }

    private static int Padded(int rows) => Quotient(rows, MatrixKernel.Rows) * MatrixKernel.Rows;

    // Rounded up.
    private static int Quotient(int count, int divisor) => (count + divisor - 1) / divisor;

    private struct Work
    {
        public float* From, Weights, To, Tiles, Biases;
        public WinogradShape Shape;

        // Of doublings: the kernels with the 16 values of an element beside each other, [sixteens of inputs, outputs, 16, 16].
        public float* Kernels;

        // Floats of a tile's channels, and between points.
        public int Row;
        public nint Point;

        // Sixteens of outputs.
        public int Groups;
        public int First, Segments, SegmentsInPart, Parts;

        public readonly StridedWinogradTiles.Distances Distances => new(Point, Row, Lanes);
    }

    // What a thread needs for one part: filters [25, 2, inputs, 16], products [25, tiles, 2 · 16], and the pixels of the outputs.
    private readonly ref struct Scratch
    {
        private readonly KernelMemory.Block _memory;
        private readonly float* _filters;
        private readonly float* _products;
        private readonly int _row;

        public Scratch(int row, int tiles, int pixels)
        {
            _row = row;
            FilterPoint = (nint)Together * row * Lanes + Lanes;
            ProductPoint = (nint)Padded(tiles) * Together * Lanes + Lanes;
            _memory = KernelMemory.Take(Points * (FilterPoint + ProductPoint) + (nint)(Points + pixels) * Lanes);
            _filters = _memory.Start;
            _products = _filters + Points * FilterPoint;
            Between = _products + Points * ProductPoint;
            Pixels = Between + Points * Lanes;
        }

        public nint FilterPoint { get; }

        public nint ProductPoint { get; }

        public float* Between { get; }

        public float* Pixels { get; }

        public float* Filter(int input, int group) => _filters + ((nint)group * _row + input) * Lanes;

        public float* Product(int tile, int group) => _products + ((nint)tile * Together + group) * Lanes;

        public void ClearFilters() => NativeMemory.Clear(_filters, (nuint)(Points * FilterPoint) * sizeof(float));

        public void Multiply(float* tiles, in Work work, int first, int last, int inner, int groups)
        {
            int tilesInSegment = work.Shape.TilesInSegment;
            for (int point = 0; point < Points; point++)
            {
                MatrixKernel.Multiply(
                    ((nint)(tiles + point * work.Point + (nint)first * tilesInSegment * _row), _row, 1),
                    ((nint)(_filters + point * FilterPoint), Lanes, (nint)_row * Lanes),
                    ((nint)(_products + point * ProductPoint), Together * Lanes),
                    Padded((last - first) * tilesInSegment), inner, groups, adds: false);
            }
        }

        public void Dispose() => _memory.Dispose();
    }
}
