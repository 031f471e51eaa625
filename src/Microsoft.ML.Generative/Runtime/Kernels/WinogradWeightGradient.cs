using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The gradients of the weights and biases of <see cref="WinogradConvolution"/>: the products of inputs and gradients are added up before
/// they become 3×3 kernels. Each sum is one thread's, and its order the tiles', whatever the number of threads.
/// </summary>
internal static unsafe class WinogradWeightGradient
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Points = WinogradTransforms.Points;

    // A tile's sum of all outputs is among its points: A has a row of ones.
    private const int PointOfSum = WinogradTransforms.Side + 1;

    private const int BlockBytes = 3 << 20;
    private const int FewestTiles = 64;
    private const int MostTiles = 256;

    /// <param name="x">[batch, inputs, height, width].</param>
    /// <param name="gradient">The gradient of the output, [batch, outputs, height, width].</param>
    /// <param name="weights">The gradient of the weights, [outputs, inputs, 3, 3].</param>
    /// <param name="biases">The gradient of the biases, [outputs], or null.</param>
    /// <param name="shape">The sizes.</param>
    public static void Run(float* x, float* gradient, float* weights, float* biases, WinogradShape shape)
    {
        int inputRow = shape.InputGroups * Lanes, outputRow = shape.OutputGroups * Lanes;
        int tiles = Math.Clamp(BlockBytes / (Points * sizeof(float) * (inputRow + outputRow)), FewestTiles, MostTiles);
        int segments = Math.Clamp(tiles / shape.TilesInSegment, 1, Math.Max(1, shape.Segments));
        tiles = segments * shape.TilesInSegment;
        nint inputPoint = (nint)tiles * inputRow + Lanes, outputPoint = (nint)tiles * outputRow + Lanes;
        nint sumPoint = (nint)inputRow * outputRow;
        nint floats = Points * (inputPoint + outputPoint + sumPoint) + outputRow;
        float* memory = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);
        try
        {
            var work = new Work
            {
                Input = x,
                Gradient = gradient,
                Weights = weights,
                Inputs = memory,
                Gradients = memory + Points * inputPoint,
                Sums = memory + Points * (inputPoint + outputPoint),
                Biases = memory + Points * (inputPoint + outputPoint + sumPoint),
                Shape = shape,
                InputPoint = inputPoint,
                OutputPoint = outputPoint,
            };
            NativeMemory.Clear(work.Sums, (nuint)(Points * sumPoint + outputRow) * sizeof(float));
            for (work.First = 0; work.First < shape.Segments; work.First += segments)
            {
                int count = Math.Min(segments, shape.Segments - work.First);
                ThreadTeam.Run(count, shape.TilesInSegment * Points * (inputRow + outputRow), &work, &Transform);
                work.Tiles = 0;
                for (int i = 0; i < count; i++)
                    work.Tiles += shape[work.First + i].Tiles;
                ThreadTeam.Run(Points, work.Tiles * (inputRow + outputRow), &work, &Add);
            }

            ThreadTeam.Run(shape.Inputs, Points * outputRow, &work, &Finish);
            if (biases != null)
                new Span<float>(work.Biases, shape.Outputs).CopyTo(new Span<float>(biases, shape.Outputs));
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    // Here the elements are segments of the block.
    private static void Transform(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int inputRow = shape.InputGroups * Lanes, outputRow = shape.OutputGroups * Lanes;
        int before = 0;
        for (int i = 0; i < start; i++)
            before += shape[work.First + i].Tiles;
        using var inputs = new WinogradPixels(work.Input, shape.Inputs, shape, shape.IsEnlarged);
        using var gradients = new WinogradPixels(work.Gradient, shape.Outputs, shape);
        for (int i = (int)start; i < end; i++)
        {
            WinogradShape.Segment segment = shape[work.First + i];
            for (int group = 0; group < shape.InputGroups; group++)
            {
                nint row = inputs.Read(segment, group, border: 1);
                float* to = work.Inputs + (nint)before * inputRow + group * Lanes;
                float* from = inputs.First;
                for (int tile = 0; tile < segment.Tiles; tile++, to += inputRow, from += WinogradTransforms.Tile * Lanes)
                    WinogradTransforms.Input(from, row, inputs.Between, to, work.InputPoint);
            }

            for (int group = 0; group < shape.OutputGroups; group++)
            {
                nint row = gradients.Read(segment, group, border: 0);
                float* to = work.Gradients + (nint)before * outputRow + group * Lanes;
                float* from = gradients.First;
                for (int tile = 0; tile < segment.Tiles; tile++, to += outputRow, from += WinogradTransforms.Tile * Lanes)
                    WinogradTransforms.Gradient(from, row, gradients.Between, to, work.OutputPoint);
            }

            before += segment.Tiles;
        }
    }

    // Here the elements are points.
    private static void Add(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int inputRow = shape.InputGroups * Lanes, outputRow = shape.OutputGroups * Lanes;
        for (int point = (int)start; point < end; point++)
        {
            if (shape.IsZero(point))
                continue;
            float* gradients = work.Gradients + point * work.OutputPoint;
            MatrixKernel.Multiply(
                ((nint)(work.Inputs + point * work.InputPoint), 1, inputRow),
                ((nint)gradients, outputRow, Lanes),
                ((nint)(work.Sums + (nint)point * inputRow * outputRow), outputRow),
                inputRow, work.Tiles, shape.OutputGroups, adds: true);
            if (point != PointOfSum)
                continue;
            for (int group = 0; group < outputRow; group += Lanes)
            {
                Vector512<float> sum = Vector512.Load(work.Biases + group);
                for (int tile = 0; tile < work.Tiles; tile++)
                    sum += Vector512.Load(gradients + (nint)tile * outputRow + group);
                sum.Store(work.Biases + group);
            }
        }
    }

    // Here the elements are inputs.
    private static void Finish(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int inputRow = shape.InputGroups * Lanes, outputRow = shape.OutputGroups * Lanes;
        float* kernel = stackalloc float[9 * Lanes], between = stackalloc float[18 * Lanes];
        for (int input = (int)start; input < end; input++)
        {
            for (int group = 0; group < shape.OutputGroups; group++)
            {
                float* from = work.Sums + (nint)input * outputRow + group * Lanes;
                WinogradTransforms.FilterGradient(from, (nint)inputRow * outputRow, between, kernel);
                int outputs = Math.Min(Lanes, shape.Outputs - group * Lanes);
                for (int output = 0; output < outputs; output++)
                {
                    float* to = work.Weights + ((nint)(group * Lanes + output) * shape.Inputs + input) * 9;
                    for (int i = 0; i < 9; i++)
                        to[i] = kernel[i * Lanes + output];
                }
            }
        }
    }

    private struct Work
    {
        public float* Input, Gradient, Weights, Inputs, Gradients, Sums, Biases;
        public WinogradShape Shape;
        public nint InputPoint, OutputPoint;
        public int First, Tiles;
    }
}
