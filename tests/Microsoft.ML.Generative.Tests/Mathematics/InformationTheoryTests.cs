namespace Microsoft.ML.Generative.Tests;

public sealed class InformationTheoryTests
{
    [Fact]
    public void Textbook_values()
    {
        // Cover, Thomas 2006, examples 2.1.1 and 2.2.1; a fair coin; the divergence of two coins.
        Assert.Equal(1.75, InformationTheory.Entropy([0.5, 0.25, 0.125, 0.125], InformationUnit.Bits), 12);
        Assert.Equal(1, InformationTheory.Entropy([0.5, 0.5], InformationUnit.Bits), 12);
        Assert.Equal(Math.Log(2), InformationTheory.Entropy([0.5, 0.5]), 12);
        Assert.Equal(1, InformationTheory.Entropy([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], InformationUnit.Hartleys), 12);
        Assert.Equal(0, InformationTheory.Entropy([1, 0]), 12);
        double[,] joint =
        {
            { 1 / 8.0, 1 / 16.0, 1 / 16.0, 1 / 4.0 },
            { 1 / 16.0, 1 / 8.0, 1 / 16.0, 0 },
            { 1 / 32.0, 1 / 32.0, 1 / 16.0, 0 },
            { 1 / 32.0, 1 / 32.0, 1 / 16.0, 0 },
        };
        Assert.Equal(27 / 8.0, InformationTheory.JointEntropy(joint, InformationUnit.Bits), 12);
        Assert.Equal(3 / 8.0, InformationTheory.MutualInformation(joint, InformationUnit.Bits), 12);
        Assert.Equal(0.5 * Math.Log(0.5 / 0.75) + 0.5 * Math.Log(0.5 / 0.25), InformationTheory.KlDivergence([0.5, 0.5], [0.75, 0.25]), 12);
        Assert.Equal(-0.5 * Math.Log(0.75) - 0.5 * Math.Log(0.25), InformationTheory.CrossEntropy([0.5, 0.5], [0.75, 0.25]), 12);
        Assert.Equal(4, InformationTheory.Perplexity([0.25, 0.25, 0.25, 0.25]), 12);
        Assert.Equal(1, InformationTheory.JensenShannonDivergence([1, 0], [0, 1], InformationUnit.Bits), 12);
        Assert.Equal(double.PositiveInfinity, InformationTheory.KlDivergence([0.5, 0.5], [1, 0]));
    }

    [Fact]
    public void Laws_hold_for_random_distributions()
    {
        var random = new Random(3);
        for (int trial = 0; trial < 300; trial++)
        {
            int rows = random.Next(1, 6);
            int columns = random.Next(1, 6);
            double[,] joint = new double[rows, columns];
            double total = 0;
            foreach (ref double cell in System.Runtime.InteropServices.MemoryMarshal.CreateSpan(ref joint[0, 0], joint.Length))
                total += cell = random.Next(4) == 0 ? 0 : random.NextDouble() + 1e-9;
            if (total == 0)
                continue;
            double[] x = new double[rows];
            double[] y = new double[columns];
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    joint[i, j] /= total;
                    x[i] += joint[i, j];
                    y[j] += joint[i, j];
                }
            }

            // I(X; Y) = H(X) + H(Y) − H(X, Y), not below 0; swapping X and Y changes nothing.
            double information = InformationTheory.MutualInformation(joint);
            double both = InformationTheory.JointEntropy(joint);
            Assert.Equal(InformationTheory.Entropy(x) + InformationTheory.Entropy(y) - both, information, 9);
            Assert.True(information >= -1e-12);
            double[,] swapped = new double[columns, rows];
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                    swapped[j, i] = joint[i, j];
            }

            Assert.Equal(information, InformationTheory.MutualInformation(swapped), 9);

            // The chain rule, in whichever direction the conditional entropy is.
            double conditional = InformationTheory.ConditionalEntropy(joint);
            Assert.True(Math.Abs(both - InformationTheory.Entropy(x) - conditional) < 1e-9 || Math.Abs(both - InformationTheory.Entropy(y) - conditional) < 1e-9);

            double[] p = [.. x];
            double[] q = [.. x.Reverse()];
            Assert.True(InformationTheory.KlDivergence(p, q) >= -1e-12);
            Assert.Equal(InformationTheory.JensenShannonDivergence(p, q), InformationTheory.JensenShannonDivergence(q, p), 12);
            Assert.InRange(InformationTheory.JensenShannonDivergence(p, q), -1e-12, Math.Log(2) + 1e-12);
            if (!double.IsPositiveInfinity(InformationTheory.CrossEntropy(p, q)))
                Assert.Equal(InformationTheory.Entropy(p) + InformationTheory.KlDivergence(p, q), InformationTheory.CrossEntropy(p, q), 9);
        }
    }

    [Fact]
    public void Normal_distributions_in_closed_form()
    {
        Assert.Equal(0.5 * Math.Log(2 * Math.PI * Math.E), InformationTheory.GaussianEntropy([1.0]), 12);
        Assert.Equal(0.5 * (0.25 + 2 * 2 - 1 - Math.Log(0.25)), InformationTheory.GaussianKlDivergence([2.0], [0.25], [0.0], [1.0]), 12);

        // Two correlated dimensions: H = ½ log((2πe)² (1 − ρ²)), so that I = −½ log(1 − ρ²).
        const double rho = 0.8;
        double[,] covariance = { { 1, rho }, { rho, 1 } };
        double together = InformationTheory.MultivariateGaussianEntropy(covariance);
        Assert.Equal(-0.5 * Math.Log(1 - rho * rho), 2 * InformationTheory.GaussianEntropy([1.0]) - together, 12);

        // A rotation of both distributions changes nothing.
        (double c, double s) = (Math.Cos(0.7), Math.Sin(0.7));
        double[,] Rotated(double a, double b) => new[,] { { c * c * a + s * s * b, c * s * (a - b) }, { c * s * (a - b), s * s * a + c * c * b } };
        double diagonal = InformationTheory.GaussianKlDivergence([1.0, -2.0], [0.5, 3.0], [0.0, 0.0], [2.0, 1.0]);
        double rotated = InformationTheory.MultivariateGaussianKlDivergence([c * 1 + s * 2, s * 1 - c * 2], Rotated(0.5, 3), [0.0, 0.0], Rotated(2, 1));
        Assert.Equal(diagonal, rotated, 9);
    }

    [Fact]
    public void The_divergence_of_normal_distributions_agrees_with_monte_carlo()
    {
        var random = new Random(2);
        double sum = 0;
        const int Draws = 400_000;
        for (int i = 0; i < Draws; i++)
        {
            double x = 1 + 0.5 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            sum += -0.5 * Math.Pow((x - 1) / 0.5, 2) - Math.Log(0.5) + 0.5 * Math.Pow(x / 2, 2) + Math.Log(2);
        }

        Assert.Equal(sum / Draws, InformationTheory.GaussianKlDivergence([1.0], [0.25], [0.0], [4.0]), 0.01);
    }

    [Fact]
    public void Columns_are_counted()
    {
        var ml = new MLContext();
        IDataView data = ml.Data.LoadFromEnumerable((Pair[])[.. Enumerable.Range(0, 8).Select(i => new Pair { Name = i % 2 == 0 ? "a" : "b", Copy = i % 2 + 5, Other = i < 4, Real = i })]);
        Assert.Equal(1, InformationTheory.ColumnMutualInformation(data, "Name", "Copy", InformationUnit.Bits), 12);
        Assert.Equal(0, InformationTheory.ColumnMutualInformation(data, "Name", "Other", InformationUnit.Bits), 12);
        Assert.Equal(new[,] { { 0.5, 0 }, { 0, 0.5 } }, InformationTheory.JointDistribution(data, "Name", "Copy"));
        Assert.Contains("'Real' has type Single", Assert.ThrowsAny<ArgumentException>(() => InformationTheory.ColumnMutualInformation(data, "Name", "Real")).Message);
        Assert.Contains("'None' is missing", Assert.ThrowsAny<ArgumentException>(() => InformationTheory.ColumnMutualInformation(data, "None", "Real")).Message);
        Assert.Contains("empty", Assert.ThrowsAny<ArgumentException>(() => InformationTheory.ColumnMutualInformation(ml.Data.SkipRows(data, 9), "Name", "Copy")).Message);
    }

    private sealed class Pair
    {
        public string Name { get; set; } = "";

        public int Copy { get; set; }

        public bool Other { get; set; }

        public float Real { get; set; }
    }

    [Fact]
    public void What_is_no_distribution_is_refused()
    {
        Assert.Contains("sum to", Assert.Throws<ArgumentException>(() => InformationTheory.Entropy([0.5, 0.4])).Message);
        Assert.Contains("Value 1 is -0.5", Assert.Throws<ArgumentException>(() => InformationTheory.Entropy([1.5, -0.5])).Message);
        Assert.Contains("Value 0 is NaN", Assert.Throws<ArgumentException>(() => InformationTheory.Entropy([double.NaN])).Message);
        Assert.Throws<ArgumentException>(() => InformationTheory.Entropy([]));
        Assert.Contains("p has 1 values and q has 2", Assert.Throws<ArgumentException>(() => InformationTheory.KlDivergence([1], [0.5, 0.5])).Message);
        Assert.Contains("positive definite", Assert.Throws<ArgumentException>(() => InformationTheory.MultivariateGaussianEntropy(new double[,] { { 1, 2 }, { 2, 1 } })).Message);
        Assert.Contains("symmetric", Assert.Throws<ArgumentException>(() => InformationTheory.MultivariateGaussianEntropy(new double[,] { { 1, 0.2 }, { 0.1, 1 } })).Message);
        Assert.Contains("Variance 0 is 0", Assert.Throws<ArgumentException>(() => InformationTheory.GaussianEntropy([0.0])).Message);
    }
}
