namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>Systems of linear equations, by Gaussian elimination with partial pivoting.</summary>
internal static class LinearSystem
{
    /// <summary>Solves A·x = b; both are overwritten.</summary>
    /// <exception cref="InvalidOperationException">The matrix is singular.</exception>
    public static double[] Solve(double[,] matrix, double[] right)
    {
        int size = right.Length;
        for (int column = 0; column < size; column++)
        {
            Pivot(matrix, right, column);
            for (int row = column + 1; row < size; row++)
            {
                double factor = matrix[row, column] / matrix[column, column];
                if (factor == 0)
                    continue;
                for (int k = column; k < size; k++)
                    matrix[row, k] -= factor * matrix[column, k];
                right[row] -= factor * right[column];
            }
        }

        for (int row = size - 1; row >= 0; row--)
        {
            for (int k = row + 1; k < size; k++)
                right[row] -= matrix[row, k] * right[k];
            right[row] /= matrix[row, row];
        }

        return right;
    }

    private static void Pivot(double[,] matrix, double[] right, int column)
    {
        int size = right.Length, pivot = column;
        for (int row = column + 1; row < size; row++)
        {
            if (Math.Abs(matrix[row, column]) > Math.Abs(matrix[pivot, column]))
                pivot = row;
        }

        if (matrix[pivot, column] == 0)
            throw new InvalidOperationException($"The equations of {size} unknowns have no unique solution.");
        if (pivot == column)
            return;
        for (int k = column; k < size; k++)
            (matrix[pivot, k], matrix[column, k]) = (matrix[column, k], matrix[pivot, k]);
        (right[pivot], right[column]) = (right[column], right[pivot]);
    }
}
