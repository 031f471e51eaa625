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
            float* right = (float*)b.Start + group * b.Group, sums = (float*)c.Start + group * Lanes;
            Vector512<float> first = Begin(bias, group), second = Begin(bias, group + 1);
            for (int row = 0; row < rows; row += Rows)
            {
                Two((float*)a.Start + row * a.Row, a.Row, a.Inner, right, b.Inner, b.Group, sums + row * c.Row, c.Row, inner, adds,
                    first, second);
            }
        }

        if (group < groups)
        {
            float* right = (float*)b.Start + group * b.Group, sums = (float*)c.Start + group * Lanes;
            Vector512<float> first = Begin(bias, group);
            for (int row = 0; row < rows; row += Rows)
                One((float*)a.Start + row * a.Row, a.Row, a.Inner, right, b.Inner, sums + row * c.Row, c.Row, inner, adds, first);
        }
    }

    private static Vector512<float> Begin(float* bias, int group) =>
        bias == null ? Vector512<float>.Zero : Vector512.Load(bias + group * Lanes);

    // 8 rows by 32 columns, in 16 registers.
    private static void Two(
        float* a, nint aRow, nint aInner, float* b, nint bInner, nint bGroup, float* c, nint cRow, int inner, bool adds,
        Vector512<float> first, Vector512<float> second)
    {
        Vector512<float> s00, s01, s10, s11, s20, s21, s30, s31, s40, s41, s50, s51, s60, s61, s70, s71;
        s00 = s10 = s20 = s30 = s40 = s50 = s60 = s70 = first;
        s01 = s11 = s21 = s31 = s41 = s51 = s61 = s71 = second;
        float* a3 = a + 3 * aRow, a6 = a + 6 * aRow;
        nint twice = 2 * aRow;
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

        Put(c, s00, s01, adds);
        Put(c + cRow, s10, s11, adds);
        Put(c + 2 * cRow, s20, s21, adds);
        Put(c + 3 * cRow, s30, s31, adds);
        Put(c + 4 * cRow, s40, s41, adds);
        Put(c + 5 * cRow, s50, s51, adds);
        Put(c + 6 * cRow, s60, s61, adds);
        Put(c + 7 * cRow, s70, s71, adds);
    }

    // 8 rows by 16 columns.
    private static void One(
        float* a, nint aRow, nint aInner, float* b, nint bInner, float* c, nint cRow, int inner, bool adds, Vector512<float> first)
    {
        Vector512<float> s0, s1, s2, s3, s4, s5, s6, s7;
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = first;
        float* a3 = a + 3 * aRow, a6 = a + 6 * aRow;
        nint twice = 2 * aRow;
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

        Put(c, s0, adds);
        Put(c + cRow, s1, adds);
        Put(c + 2 * cRow, s2, adds);
        Put(c + 3 * cRow, s3, adds);
        Put(c + 4 * cRow, s4, adds);
        Put(c + 5 * cRow, s5, adds);
        Put(c + 6 * cRow, s6, adds);
        Put(c + 7 * cRow, s7, adds);
    }

    private static void Put(float* c, Vector512<float> first, Vector512<float> second, bool adds)
    {
        Put(c, first, adds);
        Put(c + Lanes, second, adds);
    }

    private static void Put(float* c, Vector512<float> sum, bool adds) => (adds ? Vector512.Load(c) + sum : sum).Store(c);
}
