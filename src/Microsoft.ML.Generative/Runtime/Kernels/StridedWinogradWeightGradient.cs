namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The gradient of the weights of <see cref="StridedWinogradConvolution"/>, in either direction. Each sum is one thread's, and its order
/// the tiles', whatever the number of threads.
/// </summary>
internal static unsafe class StridedWinogradWeightGradient
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Points = StridedWinogradTransforms.Points;
    private const int Side = 4;
    private const int Kernel = Side * Side;
    private const int Phases = StridedWinogradTiles.Phases;
    private const int Together = 2;
    private const int BlockBytes = 8 << 20;
    private const int FewestTiles = 64;

    /// <param name="large">The large images or their gradient, [batch, inputs, 2 height, 2 width].</param>
    /// <param name="small">The small images or their gradient, [batch, outputs, height, width].</param>
    /// <param name="weights">The gradient of the weights, [outputs, inputs, 4, 4].</param>
    /// <param name="shape">The sizes of the small images.</param>
    public static void Run(float* large, float* small, float* weights, WinogradShape shape)
    {
        int largeRow = Phases * shape.InputGroups * Lanes, smallRow = shape.OutputGroups * Lanes;
        int tiles = Math.Max(FewestTiles, BlockBytes / (Points * (largeRow + smallRow) * sizeof(float)));
        int segments = Math.Clamp(tiles / shape.TilesInSegment, 1, shape.Segments);
        tiles = segments * shape.TilesInSegment;
        // The tiles of 16 channels are beside each other, as they are added up.
        nint group = (nint)tiles * Lanes;
        nint largePoint = Phases * shape.InputGroups * group + Lanes, smallPoint = shape.OutputGroups * group + Lanes;
        using KernelMemory.Block memory = KernelMemory.Take(Points * (largePoint + smallPoint));
        var work = new Work
        {
            Large = large,
            Small = small,
            Weights = weights,
            LargeTiles = memory.Start,
            SmallTiles = memory.Start + Points * largePoint,
            Shape = shape,
            LargePoint = largePoint,
            SmallPoint = smallPoint,
            Group = group,
        };
        int pairs = (shape.OutputGroups + Together - 1) / Together;
        for (work.First = 0; work.First < shape.Segments; work.First += segments)
        {
            int count = Math.Min(segments, shape.Segments - work.First);
            ThreadTeam.Run(count, shape.TilesInSegment * Points * (largeRow + smallRow), &work, &Transform);
            work.Tiles = count * shape.TilesInSegment;
            ThreadTeam.Run(pairs * shape.InputGroups, work.Tiles * Phases * Points * Lanes, &work, &Add);
        }
    }

    // Here the elements are segments of the block.
    private static void Transform(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        var tiles = new StridedWinogradTiles(work.Shape, work.First);
        tiles.Large(work.Large, start, end, work.LargeTiles, new(work.LargePoint, Lanes, work.Group));
        tiles.Gradient(work.Small, start, end, work.SmallTiles, new(work.SmallPoint, Lanes, work.Group));
    }

    // Here the elements are sixteens of inputs, for each pair of sixteens of outputs.
    private static void Add(void* state, long start, long end)
    {
        const int Sum = Lanes * Together * Lanes;
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        // [4, 25, 16, 2 · 16]
        using KernelMemory.Block memory = KernelMemory.Take(Phases * Points * Sum);
        float* sums = memory.Start;
        float* kernel = stackalloc float[Kernel * Lanes], before = stackalloc float[Kernel * Lanes];
        float* between = stackalloc float[2 * StridedWinogradTransforms.Side * Lanes];
        for (int item = (int)start; item < end; item++)
        {
            (int pair, int inputGroup) = Math.DivRem(item, shape.InputGroups);
            int groups = Math.Min(Together, shape.OutputGroups - pair * Together);
            for (int phase = 0; phase < Phases; phase++)
            {
                for (int point = 0; point < Points; point++)
                {
                    float* inputs = work.LargeTiles + point * work.LargePoint + (phase * shape.InputGroups + inputGroup) * work.Group;
                    MatrixKernel.Multiply(
                        ((nint)inputs, 1, Lanes),
                        ((nint)(work.SmallTiles + point * work.SmallPoint + pair * Together * work.Group), Lanes, work.Group),
                        ((nint)(sums + (phase * Points + point) * Sum), Together * Lanes),
                        Lanes, work.Tiles, groups, adds: false);
                }
            }

            int count = Math.Min(Lanes, shape.Inputs - inputGroup * Lanes);
            for (int group = 0; group < groups; group++)
            {
                int first = (pair * Together + group) * Lanes, outputs = Math.Min(Lanes, shape.Outputs - first);
                for (int input = 0; input < count; input++)
                {
                    for (int phase = 0; phase < Phases; phase++)
                    {
                        StridedWinogradTransforms.FilterGradient(
                            sums + phase * Points * Sum + (input * Together + group) * Lanes, Sum, between,
                            kernel + (phase / 2 * Side + phase % 2) * Lanes, 2 * Side * Lanes, 2 * Lanes);
                    }

                    float* to = work.Weights + ((nint)first * shape.Inputs + inputGroup * Lanes + input) * Kernel;
                    nint distance = (nint)shape.Inputs * Kernel;
                    if (work.First > 0)
                    {
                        ChannelBlocks.Read(to, distance, outputs, Kernel, before);
                        for (int i = 0; i < Kernel * Lanes; i++)
                            kernel[i] += before[i];
                    }

                    ChannelBlocks.Write(kernel, Kernel, to, distance, outputs);
                }
            }
        }
    }

    private struct Work
    {
        public float* Large, Small, Weights, LargeTiles, SmallTiles;
        public WinogradShape Shape;
        public nint LargePoint, SmallPoint, Group;
        public int First, Tiles;
    }
}
