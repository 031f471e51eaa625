using System.Runtime.CompilerServices;
using static System.FormattableString;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>Entropies and divergences of distributions given as probabilities, in nats.</summary>
internal static class Distributions
{
    private const double SumTolerance = 1e-5;

    public static double Entropy(ReadOnlySpan<double> distribution)
    {
        Check(distribution);
        return EntropyOf(distribution);
    }

    public static double CrossEntropy(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        CheckPair(p, q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
            sum -= p[i] == 0 ? 0 : p[i] * Math.Log(q[i]);
        return sum;
    }

    public static double KlDivergence(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        CheckPair(p, q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
            sum += Relative(p[i], q[i]);
        return sum;
    }

    public static double JensenShannonDivergence(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        CheckPair(p, q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double middle = (p[i] + q[i]) / 2;
            sum += (Relative(p[i], middle) + Relative(q[i], middle)) / 2;
        }

        return sum;
    }

    /// <summary>The entropy of probabilities that have been checked.</summary>
    public static double EntropyOf(ReadOnlySpan<double> distribution)
    {
        double sum = 0;
        foreach (double p in distribution)
            sum -= p == 0 ? 0 : p * Math.Log(p);
        return sum;
    }

    /// <summary>One term of KL; a difference of logarithms, because the ratio overflows for tiny q.</summary>
    public static double Relative(double p, double q) => p == 0 ? 0 : p * (Math.Log(p) - Math.Log(q));

    /// <exception cref="ArgumentException">The values are no distribution.</exception>
    public static void Check(ReadOnlySpan<double> values, [CallerArgumentExpression(nameof(values))] string name = "")
    {
        if (values.IsEmpty)
            throw new ArgumentException("A distribution has at least one value; found none.", name);
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            // Negated, so that NaN is refused too.
            if (!(values[i] >= 0))
                throw new ArgumentException(Invariant($"Value {i} is {values[i]}; a probability is 0 to 1."), name);
            sum += values[i];
        }

        if (!(Math.Abs(sum - 1) <= SumTolerance))
            throw new ArgumentException(Invariant($"The probabilities sum to {sum:R}; expected 1 within {SumTolerance}."), name);
    }

    private static void CheckPair(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        if (p.Length != q.Length)
            throw new ArgumentException($"p has {p.Length} values and q has {q.Length}; expected the same number.", nameof(q));
        Check(p);
        Check(q);
    }
}
