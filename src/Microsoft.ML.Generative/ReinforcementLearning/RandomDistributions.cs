using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>Random numbers of some distributions.</summary>
internal static class RandomDistributions
{
    /// <summary>Normal with mean 0 and standard deviation 1 (Box, Muller 1958).</summary>
    public static double NextNormal(this ref RowRandom random)
    {
        // 1 − u is never 0.
        double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
        return radius * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    /// <summary>
    /// Gamma with a shape of at least 1 and scale 1 (Marsaglia, Tsang, "A simple method for generating gamma variables", 2000).
    /// </summary>
    public static double NextGamma(this ref RowRandom random, double shape)
    {
        double d = shape - 1.0 / 3, c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = random.NextNormal(), v = 1 + c * x;
            if (v <= 0)
                continue;
            v = v * v * v;
            if (Math.Log(1 - random.NextDouble()) < x * x / 2 + d - d * v + d * Math.Log(v))
                return d * v;
        }
    }

    /// <summary>Beta, both parameters at least 1.</summary>
    public static double NextBeta(this ref RowRandom random, double a, double b)
    {
        double x = random.NextGamma(a);
        return x / (x + random.NextGamma(b));
    }
}
