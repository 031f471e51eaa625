using static System.FormattableString;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>The lower triangular matrix L with L·Lᵀ = A of a symmetric, positive definite matrix A.</summary>
internal sealed class Cholesky
{
    private const double SymmetryTolerance = 1e-9;

    private readonly double[,] _factor;

    /// <exception cref="ArgumentException">The matrix is not square, symmetric and positive definite.</exception>
    public Cholesky(double[,] matrix, string name)
    {
        ArgumentNullException.ThrowIfNull(matrix, name);
        Size = matrix.GetLength(0);
        if (Size == 0 || matrix.GetLength(1) != Size)
            throw new ArgumentException($"The matrix is {Size}×{matrix.GetLength(1)}; a covariance matrix is square.", name);

        _factor = new double[Size, Size];
        for (int i = 0; i < Size; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double scale = Math.Sqrt(Math.Abs(matrix[i, i] * matrix[j, j]));
                if (Math.Abs(matrix[i, j] - matrix[j, i]) > SymmetryTolerance * scale)
                    throw new ArgumentException(
                        Invariant($"Element ({i}, {j}) is {matrix[i, j]} and ({j}, {i}) is {matrix[j, i]};")
                        + " a covariance matrix is symmetric.", name);

                double rest = matrix[i, j];
                for (int k = 0; k < j; k++)
                    rest -= _factor[i, k] * _factor[j, k];
                if (i != j)
                    _factor[i, j] = rest / _factor[j, j];
                else if (rest > 0 && double.IsFinite(rest))
                    _factor[i, i] = Math.Sqrt(rest);
                else
                    throw new ArgumentException(
                        $"The matrix is not positive definite: dimension {i} has no finite variance above 0 that the dimensions before "
                        + "it leave.", name);
            }

            LogDeterminant += 2 * Math.Log(_factor[i, i]);
        }
    }

    public int Size { get; }

    /// <summary>log det A.</summary>
    public double LogDeterminant { get; }

    public double this[int row, int column] => _factor[row, column];

    /// <summary>vᵀA⁻¹v = ‖L⁻¹v‖².</summary>
    public double SquaredNorm(ReadOnlySpan<double> vector)
    {
        double[] solution = new double[Size];
        double sum = 0;
        for (int i = 0; i < Size; i++)
        {
            double rest = vector[i];
            for (int k = 0; k < i; k++)
                rest -= _factor[i, k] * solution[k];
            solution[i] = rest / _factor[i, i];
            sum += solution[i] * solution[i];
        }

        return sum;
    }
}
