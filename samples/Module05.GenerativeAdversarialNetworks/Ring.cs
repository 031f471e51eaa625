using Microsoft.ML.Data;

namespace Module05;

/// <summary>
/// Eight normal distributions on a circle: two dimensions, many modes, so that it is visible which of them a generator covers.
/// </summary>
internal static class Ring
{
    public const int Modes = 8;
    public const double Radius = 4;
    public const double StandardDeviation = 0.3;

    public static (double X, double Y) Center(int mode)
    {
        var (sin, cos) = Math.SinCos(2 * Math.PI * mode / Modes);
        return (Radius * cos, Radius * sin);
    }

    /// <summary>Samples points of the modes in turn.</summary>
    public static float[][] Sample(int count, Random random, double deviation = StandardDeviation) =>
        [.. Enumerable.Range(0, count).Select(i =>
        {
            var (x, y) = Center(i % Modes);
            var (dx, dy) = Normal(random);
            return new[] { (float)(x + deviation * dx), (float)(y + deviation * dy) };
        })];

    /// <summary>The density of the mixture at a point.</summary>
    public static double Density(double x, double y, double deviation = StandardDeviation) => Enumerable.Range(0, Modes).Average(mode =>
    {
        var (cx, cy) = Center(mode);
        return NormalDensity(x - cx, y - cy, deviation);
    });

    /// <summary>The density of a normal distribution around 0 with the same standard deviation in all directions.</summary>
    public static double NormalDensity(double x, double y, double deviation) =>
        Math.Exp(-(x * x + y * y) / (2 * deviation * deviation)) / (2 * Math.PI * deviation * deviation);

    /// <summary>The number of points within three standard deviations of each mode.</summary>
    public static int[] Count(IEnumerable<float[]> points)
    {
        int[] counts = new int[Modes];
        foreach (float[] point in points)
        {
            for (int mode = 0; mode < Modes; mode++)
            {
                var (x, y) = Center(mode);
                if (Math.Sqrt(Math.Pow(point[0] - x, 2) + Math.Pow(point[1] - y, 2)) <= 3 * StandardDeviation)
                    counts[mode]++;
            }
        }

        return counts;
    }

    // Box, Muller 1958.
    public static (double, double) Normal(Random random)
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
        var (sin, cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
        return (radius * cos, radius * sin);
    }

    /// <summary>A point as ML.NET reads it.</summary>
    public sealed class Point
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];
    }
}
