namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// A matrix in the order in which <see cref="MatrixKernel"/> reads it, that a few rows at a time are multiplied with. The products are
/// those of <see cref="MatrixProduct"/> to the bit.
/// </summary>
internal readonly unsafe struct PackedMatrix
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Rows = MatrixKernel.Rows;

    private readonly float* _start;
    private readonly int _inner;
    private readonly int _columns;

    /// <summary>Brings a matrix into this order.</summary>
    /// <param name="matrix">[inner, columns]; its rows or its columns are contiguous.</param>
    /// <param name="inner">Rows.</param>
    /// <param name="columns">Columns, a multiple of 16.</param>
    /// <param name="memory">As many floats as the matrix has, which are this matrix's from now on.</param>
    public PackedMatrix(MatrixView matrix, int inner, int columns, float* memory)
    {
        _start = memory;
        (_inner, _columns) = (inner, columns);
        var work = new Work { Matrix = matrix, Packed = this };
        ThreadTeam.Run(columns / Lanes, inner * Lanes, &work, &Pack);
    }

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

    // Here the elements are sixteens of columns.
    private static void Pack(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        PackedMatrix packed = work.Packed;
        for (int block = 0; block < MatrixProduct.Blocks(packed._inner); block++)
        {
            int first = MatrixProduct.BlockStart(packed._inner, block), last = MatrixProduct.BlockStart(packed._inner, block + 1);
            float* to = packed._start + (nint)first * packed._columns;
            for (long group = start; group < end; group++)
            {
                MatrixProduct.Pack(
                    work.Matrix.From(first, (nint)group * Lanes), Lanes, last - first, to + (nint)group * (last - first) * Lanes);
            }
        }
    }

    private struct Work
    {
        public MatrixView Matrix;
        public PackedMatrix Packed;
    }
}
