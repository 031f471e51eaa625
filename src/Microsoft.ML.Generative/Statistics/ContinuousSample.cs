using System.Numerics.Tensors;
using static System.FormattableString;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>
/// Rows of real numbers, each dimension brought to variance 1: mutual information does not depend on scale, its estimate less so.
/// </summary>
internal sealed class ContinuousSample
{
    private readonly double[][] _dimensions;

    /// <exception cref="ArgumentException">A value is not finite.</exception>
    public ContinuousSample(string name, double[][] dimensions)
    {
        Name = name;
        _dimensions = dimensions;
        Rows = dimensions[0].Length;
        foreach (double[] values in dimensions)
        {
            for (int row = 0; row < values.Length; row++)
            {
                if (!double.IsFinite(values[row]))
                    throw new ArgumentException(Invariant($"{name}, row {row}: the value is {values[row]}; expected finite numbers."));
            }

            double mean = TensorPrimitives.Sum<double>(values) / Rows;
            TensorPrimitives.Subtract(values, mean, values);
            double standardDeviation = Math.Sqrt(TensorPrimitives.SumOfSquares<double>(values) / Rows);
            if (standardDeviation > 0)
                TensorPrimitives.Divide(values, standardDeviation, values);
        }
    }

    /// <summary>What the values are, for messages.</summary>
    public string Name { get; }

    public int Rows { get; }

    /// <summary>The distances of all rows from one, in the maximum norm.</summary>
    public void Distances(int row, double[] destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = Math.Abs(_dimensions[0][i] - _dimensions[0][row]);
        foreach (double[] values in _dimensions.AsSpan(1))
        {
            double center = values[row];
            for (int i = 0; i < destination.Length; i++)
                destination[i] = Math.Max(destination[i], Math.Abs(values[i] - center));
        }
    }
}
