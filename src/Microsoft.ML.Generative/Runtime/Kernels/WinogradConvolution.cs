using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// A 3×3 convolution of stride 1 and padding 1 by Winograd's algorithm (<see cref="WinogradTransforms"/>): a quarter of the
/// multiplications. A few dozen tiles at a time go through all of it, in the cache of one core.
/// </summary>
internal static unsafe class WinogradConvolution
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Points = WinogradTransforms.Points;
    private const int Kernel = 9;

    // What a block's numbers, before and after the products, may take of a core's second-level cache.
    private const int BlockBytes = 1 << 20;

    // With fewer, reading the filters of all points takes as long as the products.
    private const int FewestTiles = 64;
    private const int MostTiles = 96;

    /// <summary>y = w ∗ x + b, or, with the weights flipped, the gradient of the input.</summary>
    /// <param name="x">[batch, inputs, height, width].</param>
    /// <param name="w">[outputs, inputs, 3, 3]; flipped: [inputs, outputs, 3, 3].</param>
    /// <param name="bias">[outputs], or null.</param>
    /// <param name="y">[batch, outputs, height, width].</param>
    /// <param name="shape">The sizes.</param>
    /// <param name="isWayBack">Whether the weights are those of the convolution of which this is the way back.</param>
    public static void Run(float* x, float* w, float* bias, float* y, WinogradShape shape, bool isWayBack)
    {
        if (shape.Segments == 0)
            return;
        // The additional sixteen spread the points over the cache's sets.
        nint point = (nint)shape.OutputGroups * shape.Inputs * Lanes + Lanes;
        using KernelMemory.Block memory = KernelMemory.Take(Points * point);
        float* filters = memory.Start;
        var filtering = new FilterWork { Weights = w, Filters = filters, Shape = shape, IsWayBack = isWayBack, Point = point };
        ThreadTeam.Run(shape.Inputs, Points * shape.OutputGroups * Lanes, &filtering, &TransformFilters);

        int tiles = Math.Clamp(BlockBytes / (Points * sizeof(float) * (shape.Inputs + shape.Outputs)), FewestTiles, MostTiles);
        int segments = Math.Clamp(tiles / shape.TilesInSegment, 1, shape.Segments);
        // As many blocks for each thread, of as many segments, as good as.
        int threads = TorchThreads.Now, blocks = Math.Min(shape.Segments, Quotient(Quotient(shape.Segments, segments), threads) * threads);
        segments = Quotient(shape.Segments, blocks);
        var work = new Work
        {
            Input = x,
            Filters = filters,
            Bias = bias,
            Output = y,
            Shape = shape,
            IsWayBack = isWayBack,
            SegmentsInBlock = segments,
            Blocks = blocks,
            Point = point,
        };
        int size = segments * shape.TilesInSegment * Points * Lanes * shape.InputGroups;
        ThreadTeam.Run(blocks, size, &work, &RunBlocks);
    }

    // Here the elements are inputs: each sixteen of outputs has its [inputs, 16] numbers in a row.
    private static void TransformFilters(void* state, long start, long end)
    {
        FilterWork work = *(FilterWork*)state;
        WinogradShape shape = work.Shape;
        float* kernel = stackalloc float[Kernel * Lanes];
        for (int group = 0; group < shape.OutputGroups; group++)
        {
            int outputs = Math.Min(Lanes, shape.Outputs - group * Lanes);
            for (int input = (int)start; input < end; input++)
            {
                float* from = work.Weights + ((nint)group * Lanes * shape.Inputs + input) * Kernel;
                if (work.IsWayBack)
                    Flip(work.Weights + ((nint)input * shape.Outputs + group * Lanes) * Kernel, outputs, kernel);
                else
                    ChannelBlocks.Read(from, (nint)shape.Inputs * Kernel, outputs, Kernel, kernel);
                float* to = work.Filters + ((nint)group * shape.Inputs + input) * Lanes;
                WinogradTransforms.Filter(kernel, to, work.Point);
            }
        }
    }

    // [outputs, 9] to [9, 16], in which each kernel is turned by 180°.
    private static void Flip(float* weights, int outputs, float* kernel)
    {
        float* straight = stackalloc float[Kernel * Lanes];
        ChannelBlocks.Read(weights, Kernel, outputs, Kernel, straight);
        for (int i = 0; i < Kernel; i++)
            Vector512.Load(straight + i * Lanes).Store(kernel + (Kernel - 1 - i) * Lanes);
    }

    // Here the elements are blocks of segments.
    private static void RunBlocks(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int most = Padded(work.SegmentsInBlock * shape.TilesInSegment);
        int inputRow = shape.InputGroups * Lanes, outputRow = shape.OutputGroups * Lanes;
        nint inputPoint = (nint)most * inputRow + Lanes, outputPoint = (nint)most * outputRow + Lanes;
        nint floats = Points * (inputPoint + outputPoint) + outputRow;
        using KernelMemory.Block memory = KernelMemory.Take(floats);
        float* before = memory.Start;
        float* after = before + Points * inputPoint, biases = after + Points * outputPoint;
        new Span<float>(biases, outputRow).Clear();
        if (work.Bias != null)
            new Span<float>(work.Bias, shape.Outputs).CopyTo(new Span<float>(biases, outputRow));
        using var pixels = new WinogradPixels(work.Input, shape.Inputs, shape, shape.IsEnlarged && !work.IsWayBack);
        using var outputs = new WinogradPixels(work.Output, shape.Outputs, shape, shape.IsEnlarged && work.IsWayBack);
        for (int point = 0; point < Points; point++)
        {
            if (shape.IsZero(point))
                new Span<float>(after + point * outputPoint, (int)outputPoint).Clear();
        }

        for (int block = (int)start; block < end; block++)
        {
            int first = (int)((long)shape.Segments * block / work.Blocks), last = (int)((long)shape.Segments * (block + 1) / work.Blocks);
            int tiles = 0;
            for (int group = 0; group < shape.InputGroups; group++)
            {
                tiles = 0;
                for (int i = first; i < last; i++)
                {
                    WinogradShape.Segment segment = shape[i];
                    nint row = pixels.Read(segment, group, border: 1, isBelow: i > first && shape.IsBelowPrevious(segment));
                    WinogradTransforms.Input(
                        pixels.First, row, segment.Tiles, before + (nint)tiles * inputRow + group * Lanes, inputRow, inputPoint);
                    tiles += segment.Tiles;
                }
            }

            for (int point = 0; point < Points; point++)
            {
                if (shape.IsZero(point))
                    continue;
                float* left = before + point * inputPoint;
                new Span<float>(left + (nint)tiles * inputRow, (Padded(tiles) - tiles) * inputRow).Clear();
                MatrixKernel.Multiply(
                    ((nint)left, inputRow, 1),
                    ((nint)(work.Filters + point * work.Point), Lanes, (nint)shape.Inputs * Lanes),
                    ((nint)(after + point * outputPoint), outputRow),
                    Padded(tiles), shape.Inputs, shape.OutputGroups, adds: false);
            }

            float* products = after;
            for (int i = first; i < last; i++)
            {
                WinogradShape.Segment segment = shape[i];
                nint row = segment.Tiles * WinogradTransforms.Tile * Lanes;
                for (int group = 0; group < shape.OutputGroups; group++)
                {
                    Vector512<float> bias = Vector512.Load(biases + group * Lanes);
                    WinogradTransforms.Output(
                        products + group * Lanes, outputRow, outputPoint, bias, segment.Tiles, outputs.First, row);
                    outputs.Write(segment, group);
                }

                products += (nint)segment.Tiles * outputRow;
            }
        }
    }

    private static int Padded(int rows) => Quotient(rows, MatrixKernel.Rows) * MatrixKernel.Rows;

    // Rounded up.
    private static int Quotient(int count, int divisor) => (count + divisor - 1) / divisor;

    private struct FilterWork
    {
        public float* Weights, Filters;
        public WinogradShape Shape;
        public bool IsWayBack;
        public nint Point;
    }

    private struct Work
    {
        public float* Input, Filters, Bias, Output;
        public WinogradShape Shape;
        public bool IsWayBack;
        public int SegmentsInBlock, Blocks;
        public nint Point;
    }
}
