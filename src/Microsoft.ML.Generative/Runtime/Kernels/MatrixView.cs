namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>A matrix of floats in memory.</summary>
/// <param name="start">The first element.</param>
/// <param name="row">Floats between rows.</param>
/// <param name="column">Floats between columns.</param>
internal readonly unsafe struct MatrixView(float* start, nint row, nint column)
{
    public float* Start => start;

    public nint Row => row;

    public nint Column => column;

    /// <summary>Rows one after another.</summary>
    /// <param name="start">The first element.</param>
    /// <param name="columns">Elements of a row.</param>
    public static MatrixView Rows(float* start, nint columns) => new(start, columns, 1);

    /// <summary>The matrix from an element on.</summary>
    public MatrixView From(nint firstRow, nint firstColumn) => new(start + firstRow * row + firstColumn * column, row, column);

    /// <summary>The matrix with rows in place of columns.</summary>
    public MatrixView Transposed() => new(start, column, row);
}
