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
public static class InformationTheory
{
    /// <summary>The entropy H(p) = −Σ p·log p: how uncertain a sample of a distribution is.</summary>
    /// <param name="distribution">Probabilities.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, where one value is certain, to the logarithm of the number of values, where all are equally probable.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double Entropy(ReadOnlySpan<double> distribution, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * Distributions.Entropy(distribution);

    /// <summary>
    /// The cross-entropy H(p, q) = −Σ p·log q: the mean code length of samples of p with a code made for q, the loss of
    /// classifiers and language models.
    /// </summary>
    /// <param name="p">Probabilities of the samples.</param>
    /// <param name="q">Probabilities that the model gives.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>At least H(p); positive infinity where q is 0 and p is not.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    public static double CrossEntropy(ReadOnlySpan<double> p, ReadOnlySpan<double> q, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * Distributions.CrossEntropy(p, q);

    /// <summary>
    /// The Kullback–Leibler divergence KL(p ‖ q) = Σ p·log(p/q): the extra cost of coding samples of p with a code made for q.
    /// </summary>
    /// <param name="p">Probabilities of the samples.</param>
    /// <param name="q">Probabilities that the model gives.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 for equal distributions, else above; positive infinity where q is 0 and p is not. Not symmetric.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    /// <remarks>S. Kullback, R. A. Leibler, "On information and sufficiency", 1951.</remarks>
    public static double KlDivergence(ReadOnlySpan<double> p, ReadOnlySpan<double> q, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * Distributions.KlDivergence(p, q);

    /// <summary>The Jensen–Shannon divergence ½·KL(p ‖ m) + ½·KL(q ‖ m) with m = (p + q)/2; its square root is a distance.</summary>
    /// <param name="p">Probabilities.</param>
    /// <param name="q">Probabilities.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, for equal distributions, to 1 bit (ln 2 nats), where no value is possible in both. Symmetric.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    /// <remarks>J. Lin, "Divergence measures based on the Shannon entropy", 1991.</remarks>
    public static double JensenShannonDivergence(
        ReadOnlySpan<double> p, ReadOnlySpan<double> q, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * Distributions.JensenShannonDivergence(p, q);

    /// <summary>The perplexity exp H(p): the number of equally probable values that would be as uncertain.</summary>
    /// <param name="distribution">Probabilities.</param>
    /// <returns>From 1 to the number of values.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double Perplexity(ReadOnlySpan<double> distribution) => Math.Exp(Entropy(distribution));

    /// <summary>The perplexity exp H(p, q) of a model q on samples of p.</summary>
    /// <param name="p">Probabilities of the samples.</param>
    /// <param name="q">Probabilities that the model gives.</param>
    /// <returns>At least the perplexity of p; positive infinity where q is 0 and p is not.</returns>
    /// <exception cref="ArgumentException">The values are not distributions, or their lengths differ.</exception>
    public static double Perplexity(ReadOnlySpan<double> p, ReadOnlySpan<double> q) => Math.Exp(CrossEntropy(p, q));

    /// <summary>The entropy H(X, Y) of two variables together.</summary>
    /// <param name="joint">Their joint distribution: a row for each value of X, a column for each value of Y.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>At least the entropy of either, at most the sum of both.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double JointEntropy(double[,] joint, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * new JointDistribution(joint).Entropy;

    /// <summary>The conditional entropy H(Y | X) = H(X, Y) − H(X): the uncertainty of Y where X is known.</summary>
    /// <param name="joint">The joint distribution: a row for each value of X, a column for each value of Y.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, where X determines Y, to H(Y), where they are independent.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double ConditionalEntropy(double[,] joint, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * new JointDistribution(joint).ConditionalEntropy;

    /// <summary>The mutual information I(X; Y) = KL(p(x, y) ‖ p(x)·p(y)): the information that one variable has about the other.</summary>
    /// <param name="joint">The joint distribution: a row for each value of X, a column for each value of Y.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>From 0, where they are independent, to the smaller of both entropies. Symmetric.</returns>
    /// <exception cref="ArgumentException">The values are not a distribution.</exception>
    public static double MutualInformation(double[,] joint, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * new JointDistribution(joint).MutualInformation;

    /// <summary>The differential entropy of a normal distribution with independent dimensions: ½·Σ log(2πe·σ²).</summary>
    /// <param name="variances">The variance σ² of each dimension, above 0.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>Any number: a narrow density has a negative differential entropy.</returns>
    /// <exception cref="ArgumentException">There is no dimension, or a variance is not above 0 and finite.</exception>
    public static double DiagonalGaussianEntropy(ReadOnlySpan<double> variances, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * GaussianDistributions.DiagonalEntropy(variances);

    /// <summary>The differential entropy of a multivariate normal distribution: ½·log det(2πe·Σ).</summary>
    /// <param name="covariance">The covariance matrix Σ, symmetric and positive definite.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>Any number: a narrow density has a negative differential entropy.</returns>
    /// <exception cref="ArgumentException">The matrix is not square, symmetric and positive definite.</exception>
    public static double GaussianEntropy(double[,] covariance, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * GaussianDistributions.Entropy(covariance);

    /// <summary>
    /// KL(N(m₀, Σ₀) ‖ N(m₁, Σ₁)) of normal distributions with independent dimensions:
    /// ½·Σ (σ₀²/σ₁² + (m₁ − m₀)²/σ₁² − 1 + log(σ₁²/σ₀²)).
    /// </summary>
    /// <param name="mean0">Means of the first distribution.</param>
    /// <param name="variances0">Variances of the first distribution, above 0.</param>
    /// <param name="mean1">Means of the second distribution.</param>
    /// <param name="variances1">Variances of the second distribution, above 0.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 for equal distributions, else above. Not symmetric.</returns>
    /// <exception cref="ArgumentException">The lengths differ, a mean is not finite, or a variance is not above 0 and finite.</exception>
    /// <remarks>
    /// With m₁ = 0 and σ₁ = 1 it is the KL term of a VAE: D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", 2013, appendix B.
    /// </remarks>
    public static double DiagonalGaussianKlDivergence(
        ReadOnlySpan<double> mean0, ReadOnlySpan<double> variances0, ReadOnlySpan<double> mean1, ReadOnlySpan<double> variances1,
        InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * GaussianDistributions.DiagonalKlDivergence(mean0, variances0, mean1, variances1);

    /// <summary>
    /// KL(N(m₀, Σ₀) ‖ N(m₁, Σ₁)) of multivariate normal distributions:
    /// ½·(tr(Σ₁⁻¹Σ₀) + (m₁ − m₀)ᵀΣ₁⁻¹(m₁ − m₀) − n + log(det Σ₁ / det Σ₀)).
    /// </summary>
    /// <param name="mean0">Means of the first distribution.</param>
    /// <param name="covariance0">Covariance matrix of the first distribution, symmetric and positive definite.</param>
    /// <param name="mean1">Means of the second distribution.</param>
    /// <param name="covariance1">Covariance matrix of the second distribution, symmetric and positive definite.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 for equal distributions, else above. Not symmetric.</returns>
    /// <exception cref="ArgumentException">
    /// The sizes differ, a mean is not finite, or a matrix is not square, symmetric and positive definite.
    /// </exception>
    public static double GaussianKlDivergence(
        ReadOnlySpan<double> mean0, double[,] covariance0, ReadOnlySpan<double> mean1, double[,] covariance1,
        InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * GaussianDistributions.KlDivergence(mean0, covariance0, mean1, covariance1);

    /// <summary>Estimates an entropy from how often each value was seen.</summary>
    /// <param name="counts">How often each value was seen; values that were not seen, with 0, change nothing.</param>
    /// <param name="correctBias">
    /// Whether to add Miller's and Madow's (values seen − 1)/(2·observations), by which the entropy of relative frequencies is too small in
    /// the mean, to first order.
    /// </param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above.</returns>
    /// <exception cref="ArgumentException">A count is negative, or all are 0.</exception>
    /// <remarks>G. A. Miller, "Note on the bias of information estimates", 1955.</remarks>
    /// <example>
    /// <code>
    /// double bits = InformationTheory.EntropyFromCounts([412, 391, 197], unit: InformationUnit.Bits);
    /// </code>
    /// </example>
    public static double EntropyFromCounts(
        ReadOnlySpan<long> counts, bool correctBias = true, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * CountEstimates.Entropy(counts, correctBias);

    /// <summary>Estimates the mutual information of two discrete variables from how often each pair of values was seen.</summary>
    /// <param name="counts">A contingency table: a row for each value of X, a column for each value of Y.</param>
    /// <param name="correctBias">
    /// Whether to correct the three entropies that it is made of, as <see cref="EntropyFromCounts"/> does.
    /// </param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above without correction; with it, near 0 also a little below.</returns>
    /// <exception cref="ArgumentException">A count is negative, or all are 0.</exception>
    public static double MutualInformationFromCounts(
        long[,] counts, bool correctBias = true, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * CountEstimates.MutualInformation(counts, correctBias);

    /// <summary>Estimates the mutual information of two continuous variables from the distances of nearest neighbors.</summary>
    /// <param name="x">The values of the first variable, one per observation.</param>
    /// <param name="y">The values of the second variable for the same observations.</param>
    /// <param name="neighbors">
    /// How many neighbors decide the scale: more have less variance and more bias. At least 1, fewer than the observations.
    /// </param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>An estimate without lower bound at 0: near independence it varies around 0.</returns>
    /// <exception cref="ArgumentException">
    /// The lengths differ, a value is not finite, there are too few, or more than <paramref name="neighbors"/> observations are equal.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="neighbors"/> is below 1.</exception>
    /// <remarks>
    /// The time grows with the square of the observations: 10,000 take less than a second. A. Kraskov, H. Stögbauer, P. Grassberger,
    /// "Estimating mutual information", Physical Review E 69, 2004, first estimator.
    /// </remarks>
    public static double MutualInformationFromSamples(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int neighbors = 3, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * NeighborEstimates.Continuous(x, y, neighbors);

    /// <summary>Estimates the entropy of a discrete column.</summary>
    /// <param name="data">The rows; read once.</param>
    /// <param name="columnName">A key, integer, Boolean or text column.</param>
    /// <param name="correctBias">Whether to correct the bias of a finite sample, as <see cref="EntropyFromCounts"/> does.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above.</returns>
    /// <exception cref="ArgumentException">The column is missing or of another type, or the data is empty.</exception>
    /// <exception cref="InvalidDataException">A key is missing; the message names the row.</exception>
    /// <example>
    /// <code>
    /// var mnist = mlContext.Generative().Datasets.Mnist();
    /// double bits = InformationTheory.EstimateEntropy(mnist.TrainSet, "Label", unit: InformationUnit.Bits);   // 3.32, all but log2(10)
    /// </code>
    /// </example>
    public static double EstimateEntropy(
        IDataView data, string columnName, bool correctBias = true, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * ColumnEstimates.Entropy(data, columnName, correctBias);

    /// <summary>Estimates the conditional entropy H(column | given) of two discrete columns.</summary>
    /// <param name="data">The rows; read once.</param>
    /// <param name="columnName">A key, integer, Boolean or text column.</param>
    /// <param name="givenColumnName">The column that is known, of the same types.</param>
    /// <param name="correctBias">Whether to correct the bias of a finite sample, as <see cref="EntropyFromCounts"/> does.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or the data is empty.</exception>
    /// <exception cref="InvalidDataException">A key is missing; the message names the row.</exception>
    public static double EstimateConditionalEntropy(
        IDataView data, string columnName, string givenColumnName, bool correctBias = true, InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * ColumnEstimates.ConditionalEntropy(data, columnName, givenColumnName, correctBias);

    /// <summary>Estimates the mutual information of two columns, such as features and a label.</summary>
    /// <param name="data">The rows; read once.</param>
    /// <param name="firstColumnName">
    /// A discrete column (key, integer, Boolean, text) or a continuous one (Single, Double, or a known-size vector of them, taken as one
    /// variable).
    /// </param>
    /// <param name="secondColumnName">The other column; the order of both does not matter.</param>
    /// <param name="neighbors">How many nearest neighbors decide the scale, where a column is continuous. At least 1.</param>
    /// <param name="correctBias">
    /// Where both columns are discrete, whether to correct the bias as <see cref="MutualInformationFromCounts"/> does.
    /// </param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>An estimate without lower bound at 0: near independence it varies around 0.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data has too few rows, values of a continuous column repeat or are not finite, or a
    /// class occurs once only.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="neighbors"/> is below 1.</exception>
    /// <exception cref="InvalidDataException">A key is missing; the message names the row.</exception>
    /// <remarks>
    /// <para>
    /// Two discrete columns: from relative frequencies, one pass, memory for the distinct pairs. Two continuous columns: nearest
    /// neighbors (Kraskov, Stögbauer, Grassberger, "Estimating mutual information", 2004). One of each: nearest neighbors
    /// within the class (B. C. Ross, "Mutual information between discrete and continuous data sets", PLoS ONE 9, 2014).
    /// </para>
    /// <para>
    /// Neighbors take time that grows with the square of the rows, and memory for all values of both columns: take a sample of some
    /// thousand rows (<c>mlContext.Data.TakeRows</c>).
    /// </para>
    /// </remarks>
    /// <example>
    /// <code>
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
    /// IDataView encoded = mlContext.Data.TakeRows(model.Transform(data), 5_000);
    /// double bits = InformationTheory.EstimateMutualInformation(encoded, "Latent", "Label", unit: InformationUnit.Bits);
    /// </code>
    /// </example>
    public static double EstimateMutualInformation(
        IDataView data, string firstColumnName, string secondColumnName, int neighbors = 3, bool correctBias = true,
        InformationUnit unit = InformationUnit.Nats) =>
        unit.PerNat() * ColumnEstimates.MutualInformation(data, firstColumnName, secondColumnName, neighbors, correctBias);
}
