using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Products of matrices that are in the processor's cache, in instructions of 16 floats. A sum's order depends on the shapes alone.
/// </summary>
internal static unsafe class MatrixKernel
{
    /// <summary>Floats of a vector.</summary>
    public const int Lanes = 16;

    /// <summary>Rows that are computed together: numbers of rows are multiples of it.</summary>
    public const int Rows = 8;

    /// <summary>c = a · b, or c + a · b, or a · b + bias.</summary>
    /// <param name="a">The element of row r and column l is at r · <c>Row</c> + l · <c>Inner</c>.</param>
    /// <param name="b">The 16 elements from row l and column 16 g on are at l · <c>Inner</c> + g · <c>Group</c>.</param>
    /// <param name="c">[rows, 16 groups], with a distance between rows.</param>
    /// <param name="rows">Rows of a and c, a multiple of 8.</param>
    /// <param name="inner">Columns of a, rows of b.</param>
    /// <param name="groups">Sixteens of columns of b and c.</param>
    /// <param name="adds">Whether the product is added to c.</param>
    /// <param name="bias">What sums begin with, [16 groups]; null: 0.</param>
    public static void Multiply(
        (nint Start, nint Row, nint Inner) a, (nint Start, nint Inner, nint Group) b, (nint Start, nint Row) c,
        int rows, int inner, int groups, bool adds, float* bias = null)
    {
        int group = 0;
        for (; group + 1 < groups; group += 2)
        {
            Two(
                (float*)a.Start, a.Row, a.Inner, (float*)b.Start + group * b.Group, b.Inner, b.Group, (float*)c.Start + group * Lanes,
                c.Row, rows, inner, adds, bias == null ? null : bias + group * Lanes);
        }

        if (group < groups)
        {
            One(
                (float*)a.Start, a.Row, a.Inner, (float*)b.Start + group * b.Group, b.Inner, (float*)c.Start + group * Lanes,
                c.Row, rows, inner, adds, bias == null ? null : bias + group * Lanes);
        }
    }

    // 8 rows by 32 columns at a time, in 16 registers. A call for each would take a fortieth of the time.
    private static void Two(
        float* firstA, nint aRow, nint aInner, float* firstB, nint bInner, nint bGroup, float* firstC, nint cRow, int rows, int inner,
        bool adds, float* bias)
    {
        nint twice = 2 * aRow;
        for (int row = 0; row < rows; row += Rows)
        {
            Vector512<float> s00, s01, s10, s11, s20, s21, s30, s31, s40, s41, s50, s51, s60, s61, s70, s71;
            s00 = s10 = s20 = s30 = s40 = s50 = s60 = s70 = Begin(bias, 0);
            s01 = s11 = s21 = s31 = s41 = s51 = s61 = s71 = Begin(bias, Lanes);
            float* a = firstA + row * aRow, a3 = a + 3 * aRow, a6 = a + 6 * aRow, b = firstB, c = firstC + row * cRow;
            for (int l = 0; l < inner; l++)
            {
                Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + bGroup);
                Vector512<float> x = Vector512.Create(*a);
                s00 = Vector512.FusedMultiplyAdd(x, b0, s00);
                s01 = Vector512.FusedMultiplyAdd(x, b1, s01);
                x = Vector512.Create(a[aRow]);
                s10 = Vector512.FusedMultiplyAdd(x, b0, s10);
                s11 = Vector512.FusedMultiplyAdd(x, b1, s11);
                x = Vector512.Create(a[twice]);
                s20 = Vector512.FusedMultiplyAdd(x, b0, s20);
                s21 = Vector512.FusedMultiplyAdd(x, b1, s21);
                x = Vector512.Create(*a3);
                s30 = Vector512.FusedMultiplyAdd(x, b0, s30);
                s31 = Vector512.FusedMultiplyAdd(x, b1, s31);
                x = Vector512.Create(a3[aRow]);
                s40 = Vector512.FusedMultiplyAdd(x, b0, s40);
                s41 = Vector512.FusedMultiplyAdd(x, b1, s41);
                x = Vector512.Create(a3[twice]);
                s50 = Vector512.FusedMultiplyAdd(x, b0, s50);
                s51 = Vector512.FusedMultiplyAdd(x, b1, s51);
                x = Vector512.Create(*a6);
                s60 = Vector512.FusedMultiplyAdd(x, b0, s60);
                s61 = Vector512.FusedMultiplyAdd(x, b1, s61);
                x = Vector512.Create(a6[aRow]);
                s70 = Vector512.FusedMultiplyAdd(x, b0, s70);
                s71 = Vector512.FusedMultiplyAdd(x, b1, s71);
                a += aInner;
                a3 += aInner;
                a6 += aInner;
                b += bInner;
            }

            if (adds)
            {
                s00 += Vector512.Load(c);
                s01 += Vector512.Load(c + Lanes);
                s10 += Vector512.Load(c + cRow);
                s11 += Vector512.Load(c + cRow + Lanes);
                s20 += Vector512.Load(c + 2 * cRow);
                s21 += Vector512.Load(c + 2 * cRow + Lanes);
                s30 += Vector512.Load(c + 3 * cRow);
                s31 += Vector512.Load(c + 3 * cRow + Lanes);
                s40 += Vector512.Load(c + 4 * cRow);
                s41 += Vector512.Load(c + 4 * cRow + Lanes);
                s50 += Vector512.Load(c + 5 * cRow);
                s51 += Vector512.Load(c + 5 * cRow + Lanes);
                s60 += Vector512.Load(c + 6 * cRow);
                s61 += Vector512.Load(c + 6 * cRow + Lanes);
                s70 += Vector512.Load(c + 7 * cRow);
                s71 += Vector512.Load(c + 7 * cRow + Lanes);
            }

            s00.Store(c);
            s01.Store(c + Lanes);
            s10.Store(c + cRow);
            s11.Store(c + cRow + Lanes);
            s20.Store(c + 2 * cRow);
            s21.Store(c + 2 * cRow + Lanes);
            s30.Store(c + 3 * cRow);
            s31.Store(c + 3 * cRow + Lanes);
            s40.Store(c + 4 * cRow);
            s41.Store(c + 4 * cRow + Lanes);
            s50.Store(c + 5 * cRow);
            s51.Store(c + 5 * cRow + Lanes);
            s60.Store(c + 6 * cRow);
            s61.Store(c + 6 * cRow + Lanes);
            s70.Store(c + 7 * cRow);
            s71.Store(c + 7 * cRow + Lanes);
        }
    }

    // 8 rows by 16 columns at a time.
    private static void One(
        float* firstA, nint aRow, nint aInner, float* firstB, nint bInner, float* firstC, nint cRow, int rows, int inner, bool adds,
        float* bias)
    {
        nint twice = 2 * aRow;
        for (int row = 0; row < rows; row += Rows)
        {
            Vector512<float> s0, s1, s2, s3, s4, s5, s6, s7;
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = Begin(bias, 0);
            float* a = firstA + row * aRow, a3 = a + 3 * aRow, a6 = a + 6 * aRow, b = firstB, c = firstC + row * cRow;
            for (int l = 0; l < inner; l++)
            {
                Vector512<float> b0 = Vector512.Load(b);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(*a), b0, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[aRow]), b0, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[twice]), b0, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Create(*a3), b0, s3);
                s4 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[aRow]), b0, s4);
                s5 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[twice]), b0, s5);
                s6 = Vector512.FusedMultiplyAdd(Vector512.Create(*a6), b0, s6);
                s7 = Vector512.FusedMultiplyAdd(Vector512.Create(a6[aRow]), b0, s7);
                a += aInner;
                a3 += aInner;
                a6 += aInner;
                b += bInner;
            }

            if (adds)
            {
                s0 += Vector512.Load(c);
                s1 += Vector512.Load(c + cRow);
                s2 += Vector512.Load(c + 2 * cRow);
                s3 += Vector512.Load(c + 3 * cRow);
                s4 += Vector512.Load(c + 4 * cRow);
                s5 += Vector512.Load(c + 5 * cRow);
                s6 += Vector512.Load(c + 6 * cRow);
                s7 += Vector512.Load(c + 7 * cRow);
            }

            s0.Store(c);
            s1.Store(c + cRow);
            s2.Store(c + 2 * cRow);
            s3.Store(c + 3 * cRow);
            s4.Store(c + 4 * cRow);
            s5.Store(c + 5 * cRow);
            s6.Store(c + 6 * cRow);
            s7.Store(c + 7 * cRow);
        }
    }

    private static Vector512<float> Begin(float* bias, int column) =>
        bias == null ? Vector512<float>.Zero : Vector512.Load(bias + column);
}
