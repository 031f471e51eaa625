using Microsoft.ML.Generative.Statistics;

namespace Microsoft.ML.Generative.Tests.Mathematics;

public class InformationTheoryTests
{
    // Cover and Thomas, example 2.2.1; here a row for each value of X, in the book a column.
    private static readonly double[,] _bloodTypes = Transposed(new double[,]
    {
        { 1 / 8.0, 1 / 16.0, 1 / 32.0, 1 / 32.0 },
        { 1 / 16.0, 1 / 8.0, 1 / 32.0, 1 / 32.0 },
        { 1 / 16.0, 1 / 16.0, 1 / 16.0, 1 / 16.0 },
        { 1 / 4.0, 0, 0, 0 },
    });

    [Fact]
    public void Entropies_of_a_published_table_are_the_published_ones()
    {
        // H(X) = 7/4, H(Y) = 2, H(X|Y) = 11/8, H(Y|X) = 13/8, H(X, Y) = 27/8, I(X; Y) = 3/8 bits.
        Assert.Equal(7 / 4.0, InformationTheory.Entropy([1 / 2.0, 1 / 4.0, 1 / 8.0, 1 / 8.0], InformationUnit.Bits), 12);
        Assert.Equal(2, InformationTheory.Entropy([0.25, 0.25, 0.25, 0.25], InformationUnit.Bits), 12);
        Assert.Equal(13 / 8.0, InformationTheory.ConditionalEntropy(_bloodTypes, InformationUnit.Bits), 12);
        Assert.Equal(11 / 8.0, InformationTheory.ConditionalEntropy(Transposed(_bloodTypes), InformationUnit.Bits), 12);
        Assert.Equal(27 / 8.0, InformationTheory.JointEntropy(_bloodTypes, InformationUnit.Bits), 12);
        Assert.Equal(3 / 8.0, InformationTheory.MutualInformation(_bloodTypes, InformationUnit.Bits), 12);
    }

    [Fact]
    public void Divergences_of_two_coins_are_the_published_ones()
    {
        // Cover and Thomas, example 2.3.1 with r = 1/2 and s = 1/4.
        double[] fair = [0.5, 0.5];
        double[] biased = [0.75, 0.25];
        Assert.Equal(0.2075, InformationTheory.KlDivergence(fair, biased, InformationUnit.Bits), 4);
        Assert.Equal(0.1887, InformationTheory.KlDivergence(biased, fair, InformationUnit.Bits), 4);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.11, 0.499916)]
    [InlineData(0.5, 1)]
    [InlineData(1, 0)]
    public void Binary_entropy_in_bits(double p, double bits) =>
        Assert.Equal(bits, InformationTheory.Entropy([p, 1 - p], InformationUnit.Bits), 6);

    [Fact]
    public void Units_differ_by_the_base_of_the_logarithm()
    {
        double[] uniform = [.. Enumerable.Repeat(1 / 1000.0, 1000)];
        Assert.Equal(6.907755278982137, InformationTheory.Entropy(uniform), 10);
        Assert.Equal(9.965784284662087, InformationTheory.Entropy(uniform, InformationUnit.Bits), 10);
        Assert.Equal(3, InformationTheory.Entropy(uniform, InformationUnit.Hartleys), 10);
        Assert.Throws<ArgumentOutOfRangeException>(() => InformationTheory.Entropy([1], (InformationUnit)7));
    }

    [Fact]
    public void Perplexity_counts_equally_probable_values()
    {
        Assert.Equal(6, InformationTheory.Perplexity([.. Enumerable.Repeat(1 / 6.0, 6)]), 10);
        // 2^(1.75) for bits of 1.75; a uniform model of four values is as perplexed by anything.
        Assert.Equal(Math.Pow(2, 1.75), InformationTheory.Perplexity([0.5, 0.25, 0.125, 0.125]), 10);
        Assert.Equal(4, InformationTheory.Perplexity([0.5, 0.25, 0.125, 0.125], [0.25, 0.25, 0.25, 0.25]), 10);
    }

    [Fact]
    public void A_value_that_the_model_excludes_costs_infinitely_much()
    {
        Assert.Equal(double.PositiveInfinity, InformationTheory.KlDivergence([0.5, 0.5], [1, 0]));
        Assert.Equal(double.PositiveInfinity, InformationTheory.CrossEntropy([0.5, 0.5], [1, 0]));
        Assert.Equal(Math.Log(2), InformationTheory.KlDivergence([1, 0], [0.5, 0.5]), 12);
        Assert.Equal(0, InformationTheory.CrossEntropy([1, 0], [1, 0]), 12);
        Assert.Equal(1, InformationTheory.JensenShannonDivergence([1, 0], [0, 1], InformationUnit.Bits), 12);
    }

    [Fact]
    public void What_is_not_a_distribution_is_refused_with_the_reason()
    {
        Refused("Value 1 is -0.25", () => InformationTheory.Entropy([1.25, -0.25]));
        Refused("Value 0 is NaN", () => InformationTheory.Entropy([double.NaN, 1]));
        Refused("sum to 0.75; expected 1", () => InformationTheory.KlDivergence([0.5, 0.5], [0.5, 0.25]));
        Refused("(Parameter 'q')", () => InformationTheory.KlDivergence([0.5, 0.5], [0.5, 0.25]));
        Refused("at least one value", () => InformationTheory.Entropy([]));
        Refused("p has 2 values and q has 1", () => InformationTheory.JensenShannonDivergence([0.5, 0.5], [1]));
        Refused("sum to 2", () => InformationTheory.MutualInformation(new double[,] { { 1, 1 } }));
        // Single precision rounds more than double.
        Assert.Equal(Math.Log(3), InformationTheory.Entropy([1f / 3, 1f / 3, 1f / 3]), 6);
    }

    [Fact]
    public void Inequalities_and_the_chain_rule_hold_for_random_distributions()
    {
        var random = new Random(1);
        for (int trial = 0; trial < 2_000; trial++)
        {
            int size = random.Next(1, 9);
            double[] p = Draw(random, size);
            double[] q = Draw(random, size);
            double kl = InformationTheory.KlDivergence(p, q);
            double js = InformationTheory.JensenShannonDivergence(p, q);
            Assert.True(kl >= -1e-12);
            Assert.InRange(js, -1e-12, Math.Log(2) + 1e-12);
            Assert.Equal(js, InformationTheory.JensenShannonDivergence(q, p), 12);
            Assert.InRange(InformationTheory.Entropy(p), 0, Math.Log(size) + 1e-12);
            if (double.IsFinite(kl))
                Assert.Equal(InformationTheory.CrossEntropy(p, q), InformationTheory.Entropy(p) + kl, 10);

            double[,] joint = DrawJoint(random, size, random.Next(1, 9));
            double hX = InformationTheory.Entropy(Marginal(joint));
            double hY = InformationTheory.Entropy(Marginal(Transposed(joint)));
            double mutual = InformationTheory.MutualInformation(joint);
            Assert.Equal(InformationTheory.JointEntropy(joint), hX + InformationTheory.ConditionalEntropy(joint), 10);
            Assert.Equal(mutual, hY - InformationTheory.ConditionalEntropy(joint), 10);
            Assert.Equal(mutual, InformationTheory.MutualInformation(Transposed(joint)), 10);
            Assert.InRange(mutual, -1e-12, Math.Min(hX, hY) + 1e-12);
        }
    }

    [Fact]
    public void Processing_never_adds_information()
    {
        var random = new Random(2);
        for (int trial = 0; trial < 1_000; trial++)
        {
            // X → Y → Z: Z is drawn from Y alone.
            double[,] joint = DrawJoint(random, random.Next(2, 6), random.Next(2, 6));
            int values = random.Next(1, 6);
            double[][] channel = [.. Enumerable.Range(0, joint.GetLength(1)).Select(_ => Draw(random, values))];
            double[,] processed = new double[joint.GetLength(0), values];
            for (int x = 0; x < joint.GetLength(0); x++)
            {
                for (int y = 0; y < joint.GetLength(1); y++)
                {
                    for (int z = 0; z < values; z++)
                        processed[x, z] += joint[x, y] * channel[y][z];
                }
            }

            Assert.True(InformationTheory.MutualInformation(processed) <= InformationTheory.MutualInformation(joint) + 1e-12);
        }
    }

    private static void Refused(string reason, Action call) =>
        Assert.Contains(reason, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);

    // Some values are impossible, as in life.
    private static double[] Draw(Random random, int size)
    {
        double[] weights = [.. Enumerable.Range(0, size)
            .Select(i => i > 0 && random.Next(4) == 0 ? 0 : -Math.Log(1 - random.NextDouble()) + 1e-9)];
        double sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }

    private static double[,] DrawJoint(Random random, int rows, int columns)
    {
        double[] cells = Draw(random, rows * columns);
        double[,] joint = new double[rows, columns];
        for (int i = 0; i < cells.Length; i++)
            joint[i / columns, i % columns] = cells[i];
        return joint;
    }

    private static double[] Marginal(double[,] joint) =>
        [.. Enumerable.Range(0, joint.GetLength(0)).Select(i => Enumerable.Range(0, joint.GetLength(1)).Sum(j => joint[i, j]))];

    private static double[,] Transposed(double[,] table)
    {
        double[,] result = new double[table.GetLength(1), table.GetLength(0)];
        for (int i = 0; i < table.GetLength(0); i++)
        {
            for (int j = 0; j < table.GetLength(1); j++)
                result[j, i] = table[i, j];
        }

        return result;
    }
}
