namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// A matrix in the order in which <see cref="MatrixKernel"/> reads it, that a few rows at a time are multiplied with. The products are
/// those of <see cref="MatrixProduct"/> to the bit.
/// </summary>
internal readonly unsafe struct PackedMatrix
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Rows = MatrixKernel.Rows;

    private readonly MatrixView _matrix;
    private readonly float* _start;
    private readonly int _inner;
    private readonly int _columns;

    /// <param name="matrix">[inner, columns]; its rows or its columns are contiguous.</param>
    /// <param name="inner">Rows.</param>
    /// <param name="columns">Columns, a multiple of 16.</param>
    /// <param name="memory">As many floats as the matrix has, which are this matrix's from now on.</param>
    public PackedMatrix(MatrixView matrix, int inner, int columns, float* memory)
    {
        _start = memory;
        (_matrix, _inner, _columns) = (matrix, inner, columns);
    }

    /// <summary>Brings two matrices into their order, before anything is multiplied with them.</summary>
    public static void Pack(PackedMatrix first, PackedMatrix second)
    {
        var work = new Work { First = first, Second = second, Parts = Math.Max(first.Groups, second.Groups) };
        long size = ((long)first._inner * first._columns + (long)second._inner * second._columns) / work.Parts;
        ThreadTeam.Run(work.Parts, (int)Math.Min(size, int.MaxValue / 2), &work, &Pack);
    }

    // Sixteens of columns.
    private int Groups => _columns / Lanes;

    /// <summary>result = left · this + bias, by the calling thread alone.</summary>
    /// <param name="left">[rows, inner], contiguous.</param>
    /// <param name="bias">[columns], or null.</param>
    /// <param name="result">[rows, columns], contiguous.</param>
    /// <param name="rows">Rows.</param>
    public void Multiply(float* left, float* bias, float* result, int rows)
    {
        int whole = rows / Rows * Rows, more = rows - whole;
        MultiplyTiles(left, bias, result, whole);
        if (more == 0)
            return;
        using KernelMemory.Block memory = KernelMemory.Take(Rows * (_inner + _columns));
        float* lastLeft = memory.Start, lastResult = memory.Start + (nint)Rows * _inner;
        var padded = new Span<float>(lastLeft, Rows * _inner);
        new Span<float>(left + (nint)whole * _inner, more * _inner).CopyTo(padded);
        padded[(more * _inner)..].Clear();
        MultiplyTiles(lastLeft, bias, lastResult, Rows);
        new Span<float>(lastResult, more * _columns).CopyTo(new Span<float>(result + (nint)whole * _columns, more * _columns));
    }

    private void MultiplyTiles(float* left, float* bias, float* result, int rows)
    {
        for (int block = 0; block < MatrixProduct.Blocks(_inner); block++)
        {
            int first = MatrixProduct.BlockStart(_inner, block), count = MatrixProduct.BlockStart(_inner, block + 1) - first;
            MatrixKernel.Multiply(
                ((nint)(left + first), _inner, 1), ((nint)(_start + (nint)first * _columns), Lanes, (nint)count * Lanes),
                ((nint)result, _columns), rows, count, _columns / Lanes, adds: block > 0, block > 0 ? null : bias);
        }
    }

    // Here the elements are equal parts of both.
    private static void Pack(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        work.First.PackPart(start, end, work.Parts);
        work.Second.PackPart(start, end, work.Parts);
    }

    private void PackPart(long start, long end, int parts)
    {
        for (int block = 0; block < MatrixProduct.Blocks(_inner); block++)
        {
            int first = MatrixProduct.BlockStart(_inner, block), last = MatrixProduct.BlockStart(_inner, block + 1);
            float* to = _start + (nint)first * _columns;
            for (long group = Groups * start / parts; group < Groups * end / parts; group++)
            {
                MatrixProduct.Pack(
                    _matrix.From(first, (nint)group * Lanes), Lanes, last - first, to + (nint)group * (last - first) * Lanes);
            }
        }
    }

    private struct Work
    {
        public PackedMatrix First, Second;
        public int Parts;
    }
}
