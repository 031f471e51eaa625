using System.Globalization;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>
/// Entropy, divergence and mutual information: of distributions given as probabilities, of normal distributions in closed form,
/// and estimated from counts, from samples and from columns of an <see cref="IDataView"/>.
/// </summary>
/// <remarks>
/// <para>
/// Results are in nats unless a unit is given. Probabilities must be 0 or above and sum to 1 within 1e-5, so that
/// distributions computed in single precision pass; they are used as given, not normalized again. 0·log 0 is 0.
/// </para>
/// <para>T. M. Cover, J. A. Thomas, "Elements of information theory", 2nd edition, 2006, chapters 2 and 8.</para>
/// </remarks>
/// <example>
/// <code>
/// double[] p = [0.5, 0.5], q = [0.75, 0.25];
/// double bits = InformationTheory.Entropy(p, InformationUnit.Bits);   // 1
/// double nats = InformationTheory.KlDivergence(p, q);                 // 0.1438
///
/// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
/// double shared = InformationTheory.EstimateMutualInformation(model.Transform(data), "Latent", "Label");
/// </code>
/// </example>
public static partial class InformationTheory
{
    private const double SumTolerance = 1e-5;

    /// <summary>The entropy H(p) = −Σ p·log p: how uncertain a draw from a distribution is.</summary>
    /// <param name="distribution">Probabilities.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, where one value is certain, to the logarithm of the number of values, where all are equally probable.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double Entropy(ReadOnlySpan<double> distribution, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        CheckDistribution(distribution, nameof(distribution));
        return scale * EntropyOf(distribution);
    }

    /// <summary>
    /// The cross-entropy H(p, q) = −Σ p·log q: the mean code length of draws from p with a code made for q, the loss of
    /// classifiers and language models.
    /// </summary>
    /// <param name="p">Probabilities of what is drawn.</param>
    /// <param name="q">Probabilities that the model gives.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>At least H(p); positive infinity where q is 0 and p is not.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    public static double CrossEntropy(ReadOnlySpan<double> p, ReadOnlySpan<double> q, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        CheckPair(p, q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
            sum -= p[i] == 0 ? 0 : p[i] * Math.Log(q[i]);
        return scale * sum;
    }

    /// <summary>The Kullback–Leibler divergence KL(p ‖ q) = Σ p·log(p/q): what coding draws from p with a code made for q costs more.</summary>
    /// <param name="p">Probabilities of what is drawn.</param>
    /// <param name="q">Probabilities that the model gives.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 for equal distributions, else above; positive infinity where q is 0 and p is not. Not symmetric.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    /// <remarks>S. Kullback, R. A. Leibler, "On information and sufficiency", 1951.</remarks>
    public static double KlDivergence(ReadOnlySpan<double> p, ReadOnlySpan<double> q, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        CheckPair(p, q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
            sum += Relative(p[i], q[i]);
        return scale * sum;
    }

    /// <summary>The Jensen–Shannon divergence ½·KL(p ‖ m) + ½·KL(q ‖ m) with m = (p + q)/2; its square root is a distance.</summary>
    /// <param name="p">Probabilities.</param>
    /// <param name="q">Probabilities.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, for equal distributions, to 1 bit (ln 2 nats), where no value is possible in both. Symmetric.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    /// <remarks>J. Lin, "Divergence measures based on the Shannon entropy", 1991.</remarks>
    public static double JensenShannonDivergence(ReadOnlySpan<double> p, ReadOnlySpan<double> q, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        CheckPair(p, q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double middle = (p[i] + q[i]) / 2;
            sum += (Relative(p[i], middle) + Relative(q[i], middle)) / 2;
        }

        return scale * sum;
    }

    /// <summary>The perplexity exp H(p): the number of equally probable values that would be as uncertain.</summary>
    /// <param name="distribution">Probabilities.</param>
    /// <returns>From 1 to the number of values.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double Perplexity(ReadOnlySpan<double> distribution) => Math.Exp(Entropy(distribution));

    /// <summary>The perplexity exp H(p, q) of a model that gives q where p is drawn.</summary>
    /// <param name="p">Probabilities of what is drawn.</param>
    /// <param name="q">Probabilities that the model gives.</param>
    /// <returns>At least the perplexity of p; positive infinity where q is 0 and p is not.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    public static double Perplexity(ReadOnlySpan<double> p, ReadOnlySpan<double> q) => Math.Exp(CrossEntropy(p, q));

    /// <summary>The entropy H(X, Y) of two variables together.</summary>
    /// <param name="joint">Their joint distribution: a row for each value of X, a column for each value of Y.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>At least the entropy of either, at most the sum of both.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double JointEntropy(double[,] joint, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        return scale * EntropyOf(CheckJoint(joint));
    }

    /// <summary>The conditional entropy H(Y | X) = H(X, Y) − H(X): how uncertain Y is to who knows X.</summary>
    /// <param name="joint">The joint distribution: a row for each value of X, a column for each value of Y.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, where X determines Y, to H(Y), where they are independent.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double ConditionalEntropy(double[,] joint, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        ReadOnlySpan<double> cells = CheckJoint(joint);
        (double[] x, _) = Marginals(joint);
        double sum = 0;
        for (int i = 0; i < cells.Length; i++)
            sum -= Relative(cells[i], x[i / joint.GetLength(1)]);
        return scale * sum;
    }

    /// <summary>The mutual information I(X; Y) = KL(p(x, y) ‖ p(x)·p(y)): what one variable tells of the other.</summary>
    /// <param name="joint">The joint distribution: a row for each value of X, a column for each value of Y.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, where they are independent, to the smaller of both entropies. Symmetric.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double MutualInformation(double[,] joint, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        ReadOnlySpan<double> cells = CheckJoint(joint);
        (double[] x, double[] y) = Marginals(joint);
        double sum = 0;
        for (int i = 0; i < cells.Length; i++)
            sum += Relative(cells[i], x[i / y.Length] * y[i % y.Length]);
        return scale * sum;
    }

    private static double PerNat(InformationUnit unit) => unit switch
    {
        InformationUnit.Nats => 1,
        InformationUnit.Bits => 1 / Math.Log(2),
        InformationUnit.Hartleys => 1 / Math.Log(10),
        _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, "The unit is Nats, Bits or Hartleys."),
    };

    private static double EntropyOf(ReadOnlySpan<double> distribution)
    {
        double sum = 0;
        foreach (double p in distribution)
            sum -= p == 0 ? 0 : p * Math.Log(p);
        return sum;
    }

    // One term of KL; a difference of logarithms, because the ratio overflows for tiny q.
    private static double Relative(double p, double q) => p == 0 ? 0 : p * (Math.Log(p) - Math.Log(q));

    private static (double[] X, double[] Y) Marginals(double[,] joint)
    {
        double[] x = new double[joint.GetLength(0)];
        double[] y = new double[joint.GetLength(1)];
        for (int i = 0; i < x.Length; i++)
        {
            for (int j = 0; j < y.Length; j++)
            {
                x[i] += joint[i, j];
                y[j] += joint[i, j];
            }
        }

        return (x, y);
    }

    private static void CheckPair(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        if (p.Length != q.Length)
            throw new ArgumentException($"p has {p.Length} values and q has {q.Length}; expected the same number.", nameof(q));
        CheckDistribution(p, nameof(p));
        CheckDistribution(q, nameof(q));
    }

    private static ReadOnlySpan<double> CheckJoint(double[,] joint)
    {
        ArgumentNullException.ThrowIfNull(joint);
        ReadOnlySpan<double> cells = Cells(joint);
        CheckDistribution(cells, nameof(joint));
        return cells;
    }

    private static ReadOnlySpan<T> Cells<T>(T[,] table) =>
        table.Length == 0 ? default : MemoryMarshal.CreateReadOnlySpan(ref table[0, 0], table.Length);

    private static void CheckDistribution(ReadOnlySpan<double> values, string name)
    {
        if (values.IsEmpty)
            throw new ArgumentException("A distribution has at least one value; found none.", name);
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            // Negated, so that NaN is refused too.
            if (!(values[i] >= 0))
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Value {i} is {values[i]}; a probability is 0 to 1."), name);
            sum += values[i];
        }

        if (!(Math.Abs(sum - 1) <= SumTolerance))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The probabilities sum to {sum:R}; expected 1 within {SumTolerance}."), name);
    }
}
