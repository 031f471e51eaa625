using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Products of matrices of any size, the work shared by libtorch's threads. An element of the result is the same to the bit whatever the
/// number of threads and whatever other rows and columns there are.
/// </summary>
internal static unsafe class MatrixProduct
{
    private const int Lanes = MatrixKernel.Lanes;
    private const int Rows = MatrixKernel.Rows;

    // The kernel is fastest with columns in pairs of vectors.
    private const int Pair = 2;

    // What is worked on together is in a core's second-level cache: columns of the right matrix, and rows of the left one.
    private const int MostInner = 512;
    private const int MostGroups = 8;
    private const int MostRows = 192;

    private const int PackedSize = MostInner * MostGroups * Lanes;
    private const int LastRowsSize = Rows * MostInner;
    private const int LastSumsSize = Rows * MostGroups * Lanes;
    private const int LastColumnsSize = MostRows * Lanes;
    private const int BiasSize = MostGroups * Lanes;

    // Multiplications that take as long as a thread needs to pass over an element.
    private const long ProductsOfElement = 32;

    /// <summary>Whether the processor has the instructions.</summary>
    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary>
    /// Whether products are faster than libtorch's: its MKL uses 512-bit instructions on processors of Intel only, and is faster there.
    /// </summary>
    public static bool IsFast { get; } = Avx512F.IsSupported && IsMadeByAmd();

    /// <summary>result = left · right + bias.</summary>
    /// <param name="left">[rows, inner].</param>
    /// <param name="right">[inner, columns]; its rows or its columns are contiguous.</param>
    /// <param name="bias">[columns], or null.</param>
    /// <param name="result">[rows, columns], contiguous.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="inner">Columns of the left matrix.</param>
    /// <param name="columns">Columns of the result.</param>
    public static void Multiply(MatrixView left, MatrixView right, float* bias, float* result, int rows, int inner, int columns)
    {
        int pairs = (columns + Pair * Lanes - 1) / (Pair * Lanes), tiles = (rows + Rows - 1) / Rows;
        int threads = torch.get_num_threads(), columnParts = threads;
        // Threads that take columns prepare these alone; of those that take rows each prepares all columns.
        while (threads % columnParts != 0 || pairs % columnParts != 0)
            columnParts--;
        int rowParts = Math.Min(threads / columnParts, tiles), parts = columnParts * rowParts;
        var work = new Work
        {
            Left = left,
            Right = right,
            Bias = bias,
            Result = result,
            Rows = rows,
            Inner = inner,
            Columns = columns,
            Pairs = pairs,
            Tiles = tiles,
            ColumnParts = columnParts,
            RowParts = rowParts,
        };
        long size = (long)rows * inner * columns / ProductsOfElement / parts;
        ThreadTeam.Run(parts, (int)Math.Min(size, int.MaxValue / 2), &work, &Multiply);
    }

    /// <summary>The sums of columns.</summary>
    /// <param name="values">[rows, columns].</param>
    /// <param name="sums">[columns].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static void SumRows(float* values, float* sums, int rows, int columns)
    {
        var work = new SumWork { Values = values, Sums = sums, Rows = rows, Columns = columns };
        ThreadTeam.Run((columns + SumWork.Block - 1) / SumWork.Block, rows * SumWork.Block, &work, &SumRows);
    }

    /// <summary>Parts into which sums are divided, which depend on the number of summands alone.</summary>
    /// <param name="inner">Summands.</param>
    public static int Blocks(int inner) => Math.Max(1, (inner + MostInner - 1) / MostInner);

    /// <summary>The first summand of such a part; parts are as good as equal.</summary>
    /// <param name="inner">Summands.</param>
    /// <param name="block">The part's number.</param>
    public static int BlockStart(int inner, int block) => (int)((long)inner * block / Blocks(inner));

    /// <summary>Brings up to 16 columns into the order of the kernel, [inner, 16], with zeros behind the last one.</summary>
    /// <param name="from">The matrix from the first column on.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="inner">Rows.</param>
    /// <param name="packed">Where they are put.</param>
    public static void Pack(MatrixView from, int columns, int inner, float* packed)
    {
        if (from.Row == 1)
        {
            ChannelBlocks.Read(from.Start, from.Column, columns, inner, packed);
            return;
        }

        for (int l = 0; l < inner; l++)
        {
            float* row = from.Start + l * from.Row, to = packed + l * Lanes;
            if (columns == Lanes)
            {
                Vector512.Load(row).Store(to);
                continue;
            }

            for (int j = 0; j < Lanes; j++)
                to[j] = j < columns ? row[j] : 0;
        }
    }

    // Here the elements are parts of the result.
    private static void Multiply(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        using KernelMemory.Block memory = KernelMemory.Take(
            PackedSize + LastRowsSize + LastSumsSize + LastColumnsSize + BiasSize);
        float* biasMemory = memory.Start + PackedSize + LastRowsSize + LastSumsSize + LastColumnsSize;
        for (long part = start; part < end; part++)
        {
            int columnPart = (int)(part / work.RowParts), rowPart = (int)(part % work.RowParts);
            int groups = (work.Columns + Lanes - 1) / Lanes;
            int firstGroup = Pair * (int)((long)work.Pairs * columnPart / work.ColumnParts);
            int endGroup = Math.Min(groups, Pair * (int)((long)work.Pairs * (columnPart + 1) / work.ColumnParts));
            int firstRow = Rows * (int)((long)work.Tiles * rowPart / work.RowParts);
            int endRow = Math.Min(work.Rows, Rows * (int)((long)work.Tiles * (rowPart + 1) / work.RowParts));
            int blocks = Blocks(work.Inner);
            for (int block = 0; block < blocks; block++)
            {
                int first = BlockStart(work.Inner, block), last = BlockStart(work.Inner, block + 1);
                for (int group = firstGroup; group < endGroup; group += MostGroups)
                {
                    int count = Math.Min(MostGroups, endGroup - group);
                    for (int i = 0; i < count; i++)
                    {
                        int column = (group + i) * Lanes;
                        Pack(
                            work.Right.From(first, column), Math.Min(Lanes, work.Columns - column), last - first,
                            memory.Start + i * (last - first) * Lanes);
                    }

                    float* bias = block > 0 || work.Bias == null ? null : biasMemory;
                    if (bias != null)
                        Copy(work.Bias + group * Lanes, 0, bias, 0, 1, Math.Min(count * Lanes, work.Columns - group * Lanes));
                    for (int row = firstRow; row < endRow; row += MostRows)
                    {
                        AddProducts(
                            work, (row, Math.Min(MostRows, endRow - row)), (first, last - first), (group, count), block > 0, bias,
                            memory.Start);
                    }
                }
            }
        }
    }

    private static void AddProducts(
        in Work work, (int First, int Count) rows, (int First, int Count) inner, (int First, int Count) groups, bool adds, float* bias,
        float* packed)
    {
        MatrixView left = work.Left.From(rows.First, inner.First);
        float* result = work.Result + (nint)rows.First * work.Columns + groups.First * Lanes;
        float* lastRows = packed + PackedSize, lastSums = lastRows + LastRowsSize, lastColumns = lastSums + LastSumsSize;
        int columns = Math.Min(groups.Count * Lanes, work.Columns - groups.First * Lanes), whole = columns / Lanes;
        int wholeRows = rows.Count / Rows * Rows, moreRows = rows.Count - wholeRows;
        Products(left, packed, result, work.Columns, wholeRows, inner.Count, whole, adds, bias);
        if (whole < groups.Count)
        {
            float* end = result + whole * Lanes, lastPacked = packed + (nint)whole * inner.Count * Lanes;
            int more = columns - whole * Lanes;
            if (adds)
                Copy(end, work.Columns, lastColumns, Lanes, wholeRows, more);
            float* lastBias = bias == null ? null : bias + whole * Lanes;
            Products(left, lastPacked, lastColumns, Lanes, wholeRows, inner.Count, 1, adds, lastBias);
            Copy(lastColumns, Lanes, end, work.Columns, wholeRows, more);
        }

        if (moreRows > 0)
        {
            MatrixView last = left.From(wholeRows, 0);
            float* end = result + (nint)wholeRows * work.Columns;
            for (int row = 0; row < Rows; row++)
            {
                for (int l = 0; l < inner.Count; l++)
                    lastRows[row * inner.Count + l] = row < moreRows ? last.Start[row * last.Row + l * last.Column] : 0;
            }

            if (adds)
                Copy(end, work.Columns, lastSums, groups.Count * Lanes, moreRows, columns);
            Products(
                MatrixView.Rows(lastRows, inner.Count), packed, lastSums, groups.Count * Lanes, Rows, inner.Count, groups.Count, adds,
                bias);
            Copy(lastSums, groups.Count * Lanes, end, work.Columns, moreRows, columns);
        }
    }

    private static void Products(
        MatrixView left, float* packed, float* sums, nint row, int rows, int inner, int groups, bool adds, float* bias) =>
        MatrixKernel.Multiply(
            ((nint)left.Start, left.Row, left.Column), ((nint)packed, Lanes, (nint)inner * Lanes), ((nint)sums, row), rows, inner, groups,
            adds, bias);

    private static void Copy(float* from, nint fromRow, float* to, nint toRow, int rows, int columns)
    {
        for (int row = 0; row < rows; row++)
            new Span<float>(from + row * fromRow, columns).CopyTo(new Span<float>(to + row * toRow, columns));
    }

    // Here the elements are blocks of columns. Every fourth row is added to the same sum.
    private static void SumRows(void* state, long start, long end)
    {
        SumWork work = *(SumWork*)state;
        for (long block = start; block < end; block++)
        {
            int column = (int)block * SumWork.Block, last = Math.Min(work.Columns, column + SumWork.Block);
            for (; column + Lanes <= last; column += Lanes)
            {
                Vector512<float> s0, s1, s2, s3;
                s0 = s1 = s2 = s3 = Vector512<float>.Zero;
                float* value = work.Values + column;
                int row = 0;
                for (; row + 4 <= work.Rows; row += 4, value += 4 * (nint)work.Columns)
                {
                    s0 += Vector512.Load(value);
                    s1 += Vector512.Load(value + work.Columns);
                    s2 += Vector512.Load(value + 2 * (nint)work.Columns);
                    s3 += Vector512.Load(value + 3 * (nint)work.Columns);
                }

                for (; row < work.Rows; row++, value += work.Columns)
                    s0 += Vector512.Load(value);
                (s0 + s1 + (s2 + s3)).Store(work.Sums + column);
            }

            for (; column < last; column++)
            {
                double sum = 0;
                for (int row = 0; row < work.Rows; row++)
                    sum += work.Values[(nint)row * work.Columns + column];
                work.Sums[column] = (float)sum;
            }
        }
    }

    // "AuthenticAMD" in three registers.
    private static bool IsMadeByAmd()
    {
        (_, int first, int last, int middle) = X86Base.CpuId(0, 0);
        return (first, middle, last) == (0x68747541, 0x69746E65, 0x444D4163);
    }

    private struct Work
    {
        public MatrixView Left, Right;
        public float* Bias, Result;
        public int Rows, Inner, Columns, Pairs, Tiles, ColumnParts, RowParts;
    }

    private struct SumWork
    {
        public const int Block = 4 * Lanes;
        public float* Values, Sums;
        public int Rows, Columns;
    }
}
