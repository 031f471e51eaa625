using MathNet.Numerics.LinearAlgebra;

namespace Module03;

/// <summary>Principal components: the eigenvectors of the covariance of the pixels, by descending eigenvalue.</summary>
internal sealed class Pca
{
    private Pca(Vector<double> mean, Matrix<double> covariance, double[] eigenvalues, Matrix<double> components) =>
        (Mean, Covariance, Eigenvalues, Components) = (mean, covariance, eigenvalues, components);

    public Vector<double> Mean { get; }

    public Matrix<double> Covariance { get; }

    /// <summary>The variance along each component, largest first.</summary>
    public double[] Eigenvalues { get; }

    /// <summary>One eigenvector per column: orthonormal.</summary>
    public Matrix<double> Components { get; }

    public static Pca Fit(float[][] images)
    {
        var x = Matrix<double>.Build.Dense(images.Length, Lesson.Pixels, (row, column) => images[row][column]);
        var mean = x.ColumnSums() / images.Length;
        for (var row = 0; row < x.RowCount; row++)
            x.SetRow(row, x.Row(row) - mean);
        var covariance = x.TransposeThisAndMultiply(x) / images.Length;

        // MathNet sorts the eigenvalues of a symmetric matrix in ascending order.
        var decomposition = covariance.Evd(Symmetricity.Symmetric);
        double[] eigenvalues = [.. decomposition.EigenValues.Reverse().Select(value => Math.Max(0, value.Real))];
        var components = Matrix<double>.Build.DenseOfColumnVectors(decomposition.EigenVectors.EnumerateColumns().Reverse());
        return new Pca(mean, covariance, eigenvalues, components);
    }

    /// <summary>The coordinates of an image along the first components.</summary>
    public double[] Project(float[] image, int count)
    {
        var centered = Vector<double>.Build.Dense(Lesson.Pixels, i => image[i] - Mean[i]);
        return [.. Enumerable.Range(0, count).Select(k => Components.Column(k) * centered)];
    }

    /// <summary>The image that has these coordinates.</summary>
    public float[] Reconstruct(ReadOnlySpan<double> coordinates)
    {
        var sum = Mean.Clone();
        for (var k = 0; k < coordinates.Length; k++)
            sum += coordinates[k] * Components.Column(k);
        return [.. sum.Select(value => (float)value)];
    }
}
