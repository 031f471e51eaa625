using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Layers.Kernels;

/// <summary>
/// The parts of a residual branch that treat each row alone. A block of rows stays in the cache of a core through normalization, product,
/// non-linearity and sum. What a block computes depends on neither threads nor other blocks.
/// </summary>
internal static unsafe class BranchKernel
{
    private const int Block = 64;

    /// <summary>Blocks of rows.</summary>
    public static int Blocks(int rows) => (rows + Block - 1) / Block;

    /// <summary>The first layer of the normalized input, and what follows it where that treats each row alone.</summary>
    public static void Enter(BranchWork work) => Run(work, (long)work.Width * work.Projected, &Enter);

    /// <summary>The second layer, and the sum with the input.</summary>
    public static void Leave(BranchWork work) => Run(work, (long)work.Width * work.Hidden, &Leave);

    /// <summary>The gradient of the second layer's input, and of the first layer's output where that is known then.</summary>
    public static void DeriveLeaving(BranchWork work) => Run(work, (long)work.Width * work.Hidden, &DeriveLeaving);

    /// <summary>The gradient of the input, given that of the first layer's output.</summary>
    public static void DeriveEntering(BranchWork work) => Run(work, (long)work.Width * work.Projected, &DeriveEntering);

    private static void Run(BranchWork work, long products, delegate*<void*, long, long, void> kernel) =>
        ThreadTeam.Run(Blocks(work.Rows), (int)Math.Min(products, int.MaxValue / 2), &work, kernel);

    // Here and below the elements are blocks of rows.
    private static void Enter(void* state, long start, long end)
    {
        BranchWork work = *(BranchWork*)state;
        using KernelMemory.Block memory = KernelMemory.Take(Block * work.Width);
        for (long block = start; block < end; block++)
        {
            (long first, int rows) = RowsOf(block, work.Rows);
            float* projection = work.Projection + first * work.Projected;
            Normalize(work, first, rows, memory.Start);
            work.First.Multiply(memory.Start, work.FirstBias, projection, rows);
            if (work.Activation is not { } activation)
                continue;
            for (int row = 0; row < rows; row++)
            {
                ActivationKernel.Apply(
                    activation, projection + (nint)row * work.Projected, work.Values + (first + row) * work.Hidden, work.Hidden);
            }
        }
    }

    private static void Leave(void* state, long start, long end)
    {
        BranchWork work = *(BranchWork*)state;
        for (long block = start; block < end; block++)
        {
            (long first, int rows) = RowsOf(block, work.Rows);
            float* output = work.Output + first * work.Width;
            work.Second.Multiply(work.Values + first * work.Hidden, work.SecondBias, output, rows);
            RowSums.Add(output, work.Input + first * work.Width, rows * work.Width);
        }
    }

    private static void DeriveLeaving(void* state, long start, long end)
    {
        BranchWork work = *(BranchWork*)state;
        using KernelMemory.Block memory = KernelMemory.Take(Block * work.Hidden);
        for (long block = start; block < end; block++)
        {
            (long first, int rows) = RowsOf(block, work.Rows);
            float* gradient = work.OutputGradient + first * work.Width;
            if (work.Activation is not { } activation)
            {
                work.Second.Multiply(gradient, null, work.ValueGradient + first * work.Hidden, rows);
                continue;
            }

            work.Second.Multiply(gradient, null, memory.Start, rows);
            for (int row = 0; row < rows; row++)
            {
                long at = first + row;
                ActivationKernel.Derive(
                    activation, work.Projection + at * work.Projected, memory.Start + (nint)row * work.Hidden,
                    work.Values + at * work.Hidden, work.ProjectionGradient + at * work.Projected, work.Hidden);
            }
        }
    }

    private static void DeriveEntering(void* state, long start, long end)
    {
        BranchWork work = *(BranchWork*)state;
        using KernelMemory.Block memory = KernelMemory.Take(Block * work.Width);
        for (long block = start; block < end; block++)
        {
            (long first, int rows) = RowsOf(block, work.Rows);
            Normalize(work, first, rows, work.Normalized + first * work.Width);
            work.First.Multiply(work.ProjectionGradient + first * work.Projected, null, memory.Start, rows);
            float* gain = work.GainGradients + block * work.Width;
            float* bias = work.BiasGradients is null ? null : work.BiasGradients + block * work.Width;
            new Span<float>(gain, work.Width).Clear();
            if (bias is not null)
                new Span<float>(bias, work.Width).Clear();
            for (int row = 0; row < rows; row++)
            {
                long at = (first + row) * work.Width;
                work.Norm.Derive(
                    work.Input + at, memory.Start + (nint)row * work.Width, work.OutputGradient + at, work.InputGradient + at, gain, bias);
            }
        }
    }

    private static void Normalize(in BranchWork work, long first, int rows, float* normalized)
    {
        for (int row = 0; row < rows; row++)
            work.Norm.Apply(work.Input + (first + row) * work.Width, normalized + (nint)row * work.Width);
    }

    private static (long First, int Count) RowsOf(long block, int rows) =>
        (block * Block, (int)Math.Min(Block, rows - block * Block));
}
