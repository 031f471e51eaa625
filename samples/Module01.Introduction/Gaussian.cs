namespace Module01;

/// <summary>A normal distribution of the plane: the simplest generative model of points.</summary>
/// <param name="MeanX">The mean.</param>
/// <param name="MeanY">The mean.</param>
/// <param name="XX">The variance of x.</param>
/// <param name="XY">The covariance.</param>
/// <param name="YY">The variance of y.</param>
internal sealed record Gaussian(double MeanX, double MeanY, double XX, double XY, double YY)
{
    // The covariance matrix is L·Lᵀ with L = (a 0; b c).
    private double A => Math.Sqrt(XX);

    private double B => XY / A;

    private double C => Math.Sqrt(YY - B * B);

    /// <summary>Fits one by maximum likelihood: with the mean and the covariance of the points.</summary>
    public static Gaussian Fit(IReadOnlyCollection<(double X, double Y)> points)
    {
        double x = points.Average(p => p.X), y = points.Average(p => p.Y);
        return new Gaussian(
            x, y, points.Average(p => (p.X - x) * (p.X - x)), points.Average(p => (p.X - x) * (p.Y - y)),
            points.Average(p => (p.Y - y) * (p.Y - y)));
    }

    /// <summary>log p(x, y).</summary>
    public double LogDensity((double X, double Y) point)
    {
        double u = (point.X - MeanX) / A, v = (point.Y - MeanY - B * u) / C;
        return -(u * u + v * v) / 2 - Math.Log(2 * Math.PI * A * C);
    }

    /// <summary>Samples a point.</summary>
    public (double X, double Y) Sample(Random random)
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())), angle = 2 * Math.PI * random.NextDouble();
        return At(radius * Math.Cos(angle), radius * Math.Sin(angle));
    }

    /// <summary>The points at a distance from the mean, in standard deviations.</summary>
    public (double X, double Y)[] Ellipse(double deviations) =>
        [.. Enumerable.Range(0, 101).Select(i => At(deviations * Math.Cos(Math.Tau * i / 100), deviations * Math.Sin(Math.Tau * i / 100)))];

    private (double X, double Y) At(double u, double v) => (MeanX + A * u, MeanY + B * u + C * v);
}
