namespace Microsoft.ML.Generative.Statistics;

/// <summary>The joint distribution of two variables; measures are in nats.</summary>
internal readonly ref struct JointDistribution
{
    private readonly ReadOnlySpan<double> _cells;
    private readonly double[] _x;
    private readonly double[] _y;

    /// <param name="joint">A row for each value of X, a column for each value of Y.</param>
    /// <exception cref="ArgumentException">The values are no distribution.</exception>
    public JointDistribution(double[,] joint)
    {
        ArgumentNullException.ThrowIfNull(joint);
        _cells = Tables.Cells(joint);
        Distributions.Check(_cells, nameof(joint));
        (_x, _y) = Tables.Margins(joint);
    }

    public double Entropy => Distributions.EntropyOf(_cells);

    /// <summary>H(Y | X)</summary>
    public double ConditionalEntropy
    {
        get
        {
            double sum = 0;
            for (int i = 0; i < _cells.Length; i++)
                sum -= Distributions.Relative(_cells[i], _x[i / _y.Length]);
            return sum;
        }
    }

    /// <summary>I(X; Y)</summary>
    public double MutualInformation
    {
        get
        {
            double sum = 0;
            for (int i = 0; i < _cells.Length; i++)
                sum += Distributions.Relative(_cells[i], _x[i / _y.Length] * _y[i % _y.Length]);
            return sum;
        }
    }
}
