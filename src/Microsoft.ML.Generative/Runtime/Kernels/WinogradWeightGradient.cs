using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The gradients of the weights and biases of <see cref="WinogradConvolution"/>: the products of inputs and gradients are added up before
/// they become 3×3 kernels. Images are dealt to parts with sums of their own, so that a thread adds up what it has in its cache. Parts and
/// the order of their tiles depend on the sizes alone, and so do the sums.
/// </summary>
internal static unsafe class WinogradWeightGradient
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Points = WinogradTransforms.Points;

    // A tile's sum of all outputs is among its points: A has a row of ones.
    private const int PointOfSum = WinogradTransforms.Side + 1;

    // What a block's tiles take of a core's second-level cache.
    private const int BlockBytes = 1 << 20;
    private const int FewestTiles = 64;
    private const int MostTiles = 256;

    // What the sums of all parts may take.
    private const int SumBytes = 4 << 20;
    private const int MostParts = 8;

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
        int blocks = Quotient(shape.Segments, segments);
        // The additional sixteen spread the points over the cache's sets.
        nint sumPoint = (nint)inputRow * outputRow + Lanes, sums = Points * sumPoint + outputRow;
        // A power of two, which any usual number of threads divides evenly.
        int parts = 1 << BitOperations.Log2((uint)Math.Clamp(Math.Min(SumBytes / (sums * sizeof(float)), blocks), 1, MostParts));
        // As many blocks in each part, of as many segments, as good as.
        blocks = Math.Min(shape.Segments, Quotient(blocks, parts) * parts);
        tiles = (blocks == 0 ? 0 : Quotient(shape.Segments, blocks)) * shape.TilesInSegment;
        using KernelMemory.Block memory = KernelMemory.Take(parts * sums);
        var work = new Work
        {
            Input = x,
            Gradient = gradient,
            Weights = weights,
            Sums = memory.Start,
            Shape = shape,
            InputPoint = (nint)tiles * inputRow + Lanes,
            OutputPoint = (nint)tiles * outputRow + Lanes,
            SumPoint = sumPoint,
            PartSums = sums,
            Blocks = blocks,
            Parts = parts,
        };
        if (TorchThreads.Now <= parts)
            ThreadTeam.Run(parts, int.MaxValue, &work, &RunParts);
        else
            RunTogether(work);
        ThreadTeam.Run(shape.Inputs, Points * outputRow * parts, &work, &Finish);
        for (int output = 0; output < shape.Outputs && biases != null; output++)
        {
            biases[output] = 0;
            for (int part = 0; part < parts; part++)
                biases[output] += memory.Start[part * sums + Points * sumPoint + output];
        }
    }

    // Here the elements are parts.
    private static void RunParts(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        using KernelMemory.Block memory = KernelMemory.Take(work.BlockSize);
        work.Use(memory.Start);
        for (int part = (int)start; part < end; part++)
        {
            work.Begin(part);
            while (work.TakeBlock(out int count))
            {
                Transform(&work, 0, count);
                Add(&work, 0, Points);
            }
        }
    }

    // All threads work on the same block.
    private static void RunTogether(Work work)
    {
        int size = work.Shape.TilesInSegment * Lanes * (work.Shape.InputGroups + work.Shape.OutputGroups);
        using KernelMemory.Block memory = KernelMemory.Take(work.BlockSize);
        work.Use(memory.Start);
        for (int part = 0; part < work.Parts; part++)
        {
            work.Begin(part);
            while (work.TakeBlock(out int count))
            {
                ThreadTeam.Run(count, Points * size, &work, &Transform);
                ThreadTeam.Run(Points, count * size, &work, &Add);
            }
        }
    }

    // Here the elements are segments of the block.
    private static void Transform(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        WinogradShape shape = work.Shape;
        int inputRow = shape.InputGroups * Lanes, outputRow = shape.OutputGroups * Lanes;
        int first = 0;
        for (int i = 0; i < start; i++)
            first += shape[work.First + i].Tiles;
        using var inputs = new WinogradPixels(work.Input, shape.Inputs, shape, shape.IsEnlarged);
        using var gradients = new WinogradPixels(work.Gradient, shape.Outputs, shape);
        for (int group = 0; group < shape.InputGroups; group++)
        {
            float* to = work.Inputs + (nint)first * inputRow + group * Lanes;
            for (int i = (int)start; i < end; i++)
            {
                WinogradShape.Segment segment = shape[work.First + i];
                nint row = inputs.Read(segment, group, border: 1, isBelow: i > start && shape.IsBelowPrevious(segment));
                WinogradTransforms.Input(inputs.First, row, segment.Tiles, to, inputRow, work.InputPoint);
                to += (nint)segment.Tiles * inputRow;
            }
        }

        for (int group = 0; group < shape.OutputGroups; group++)
        {
            float* to = work.Gradients + (nint)first * outputRow + group * Lanes;
            for (int i = (int)start; i < end; i++)
            {
                WinogradShape.Segment segment = shape[work.First + i];
                nint row = gradients.Read(segment, group, border: 0);
                WinogradTransforms.Gradient(gradients.First, row, segment.Tiles, to, outputRow, work.OutputPoint);
                to += (nint)segment.Tiles * outputRow;
            }
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
            float* products = work.Products + point * work.SumPoint;
            if (shape.IsZero(point))
            {
                if (work.IsFirst)
                    new Span<float>(products, inputRow * outputRow).Clear();
                continue;
            }

            float* gradients = work.Gradients + point * work.OutputPoint;
            MatrixKernel.Multiply(
                ((nint)(work.Inputs + point * work.InputPoint), 1, inputRow),
                ((nint)gradients, outputRow, Lanes),
                ((nint)products, outputRow),
                inputRow, work.Tiles, shape.OutputGroups, adds: !work.IsFirst);
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
        int outputRow = shape.OutputGroups * Lanes;
        float* kernel = stackalloc float[9 * Lanes], between = stackalloc float[18 * Lanes];
        for (int input = (int)start; input < end; input++)
        {
            for (int group = 0; group < shape.OutputGroups; group++)
            {
                float* from = work.Sums + (nint)input * outputRow + group * Lanes;
                AddParts(work, from);
                WinogradTransforms.FilterGradient(from, work.SumPoint, between, kernel);
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

    // Of all parts, in the place of the first.
    private static void AddParts(in Work work, float* sums)
    {
        if (work.Parts == 1)
            return;
        for (int i = 0; i < Points; i++)
        {
            float* first = sums + i * work.SumPoint;
            Vector512<float> sum = Vector512.Load(first);
            for (int part = 1; part < work.Parts; part++)
                sum += Vector512.Load(first + part * work.PartSums);
            sum.Store(first);
        }
    }

    // Rounded up.
    private static int Quotient(int count, int divisor) => (count + divisor - 1) / divisor;

    private struct Work
    {
        public float* Input, Gradient, Weights;
        public WinogradShape Shape;
        public nint InputPoint, OutputPoint;

        // Of each part: sums [36, inputs, outputs], and those of the biases.
        public float* Sums;
        public nint SumPoint, PartSums;
        public int Blocks, Parts;

        // Of the part that is being computed, and its block.
        public float* Inputs, Gradients, Products, Biases;
        public int First, Tiles;
        private int _start, _block, _end;

        /// <summary>Whether the block is its part's first.</summary>
        public readonly bool IsFirst => _block == _start + 1;

        public readonly nint BlockSize => Points * (InputPoint + OutputPoint);

        public void Use(float* memory)
        {
            Inputs = memory;
            Gradients = memory + Points * InputPoint;
        }

        public void Begin(int part)
        {
            (_start, _end) = ((int)((long)Blocks * part / Parts), (int)((long)Blocks * (part + 1) / Parts));
            _block = _start;
            Products = Sums + part * PartSums;
            Biases = Products + PartSums - Shape.OutputGroups * Lanes;
            // The first block's products replace what was in the memory.
            nint first = _block < _end ? PartSums - Shape.OutputGroups * Lanes : 0;
            NativeMemory.Clear(Products + first, (nuint)(PartSums - first) * sizeof(float));
        }

        /// <summary>The segments of the part's next block, if there is one.</summary>
        public bool TakeBlock(out int count)
        {
            Tiles = 0;
            if (_block == _end)
            {
                count = 0;
                return false;
            }

            First = (int)((long)Shape.Segments * _block / Blocks);
            count = (int)((long)Shape.Segments * (_block + 1) / Blocks) - First;
            for (int i = 0; i < count; i++)
                Tiles += Shape[First + i].Tiles;
            _block++;
            return true;
        }
    }
}
