using Microsoft.ML.Data;
using Microsoft.ML.Generative.Statistics;

namespace Microsoft.ML.Generative.Tests.Mathematics;

public class InformationEstimateTests
{
    [Fact]
    public void Relative_frequencies_without_correction_are_the_distribution()
    {
        Assert.Equal(1.75, InformationTheory.EntropyFromCounts([4, 2, 0, 1, 1], correctBias: false, InformationUnit.Bits), 12);
        Assert.Equal(1.75 + 3 / 16.0 / Math.Log(2), InformationTheory.EntropyFromCounts([4, 2, 0, 1, 1], unit: InformationUnit.Bits), 12);
        Assert.Equal(
            Math.Log(2), InformationTheory.MutualInformationFromCounts(new long[,] { { 5, 0 }, { 0, 5 } }, correctBias: false), 12);
        Assert.Equal(0, InformationTheory.MutualInformationFromCounts(new long[,] { { 2, 4 }, { 3, 6 } }, correctBias: false), 12);
    }

    [Fact]
    public void Correction_takes_most_of_the_bias_away()
    {
        // 200 draws from 20 values: the uncorrected mean is too small by 19/400 = 0.0475 nats, to first order.
        var random = new Random(4);
        double plain = 0, corrected = 0;
        const int trials = 500;
        for (int trial = 0; trial < trials; trial++)
        {
            long[] counts = new long[20];
            for (int draw = 0; draw < 200; draw++)
                counts[random.Next(20)]++;
            plain += InformationTheory.EntropyFromCounts(counts, correctBias: false) / trials;
            corrected += InformationTheory.EntropyFromCounts(counts) / trials;
        }

        // The mean of 500 trials has a standard deviation of about 0.0007.
        Assert.InRange(Math.Log(20) - plain, 0.0475 - 0.004, 0.0475 + 0.004);
        Assert.InRange(Math.Log(20) - corrected, -0.003, 0.004);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.6)]
    [InlineData(-0.9)]
    public void Neighbors_find_the_information_of_normal_variables(double correlation)
    {
        (double[] x, double[] y) = Normal(new Random(5), 3_000, correlation);
        double expected = -0.5 * Math.Log(1 - correlation * correlation);
        // At 3,000 draws the estimator's standard deviation is about 0.015 nats (Kraskov et al. 2004, figure 4, scaled).
        Assert.Equal(expected, InformationTheory.MutualInformationFromSamples(x, y), 0.06);
        Assert.Equal(
            expected / Math.Log(2), InformationTheory.MutualInformationFromSamples(x, y, neighbors: 5, InformationUnit.Bits), 0.08);
    }

    [Fact]
    public void Information_does_not_depend_on_scale_and_order()
    {
        (double[] x, double[] y) = Normal(new Random(6), 500, 0.7);
        double expected = InformationTheory.MutualInformationFromSamples(x, y);
        Assert.Equal(expected, InformationTheory.MutualInformationFromSamples(y, x), 9);
        Assert.Equal(expected, InformationTheory.MutualInformationFromSamples([.. x.Select(v => 1000 * v + 5)], y), 9);
    }

    [Fact]
    public void Columns_give_what_their_counts_give()
    {
        IDataView data = Rows([.. Enumerable.Range(0, 60).Select(i =>
            new Row { Text = (i % 3).ToString(System.Globalization.CultureInfo.InvariantCulture), Flag = i % 2 == 0, Number = i % 6 })]);
        Assert.Equal(Math.Log(3), InformationTheory.EstimateEntropy(data, "Text", correctBias: false), 12);
        Assert.Equal(1, InformationTheory.EstimateEntropy(data, "Flag", correctBias: false, InformationUnit.Bits), 12);
        Assert.Equal(0, InformationTheory.EstimateMutualInformation(data, "Text", "Flag", correctBias: false), 12);
        Assert.Equal(Math.Log(3), InformationTheory.EstimateMutualInformation(data, "Text", "Number", correctBias: false), 12);
        Assert.Equal(Math.Log(2), InformationTheory.EstimateConditionalEntropy(data, "Number", "Text", correctBias: false), 12);
        Assert.Equal(0, InformationTheory.EstimateConditionalEntropy(data, "Text", "Number", correctBias: false), 12);
        // Miller and Madow: (3 − 1 + 2 − 1 − (6 − 1))/(2·60)
        Assert.Equal(-2 / 120.0, InformationTheory.EstimateMutualInformation(data, "Text", "Flag"), 12);
    }

    [Fact]
    public void Keys_are_read_and_missing_keys_refused()
    {
        var ml = new MLContext();
        IDataView raw = Rows([new Row { Text = "a" }, new Row { Text = "b" }, new Row { Text = "c" }]);
        IDataView keys = ml.Transforms.Conversion.MapValueToKey("Key", "Text").Fit(raw).Transform(raw);
        Assert.Equal(Math.Log(3), InformationTheory.EstimateEntropy(keys, "Key", correctBias: false), 12);

        IDataView known = Rows([new Row { Text = "a" }, new Row { Text = "b" }]);
        IDataView missing = ml.Transforms.Conversion.MapValueToKey("Key", "Text").Fit(known).Transform(raw);
        Assert.Contains(
            "Column 'Key', row 2", Assert.Throws<InvalidDataException>(() => InformationTheory.EstimateEntropy(missing, "Key")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_continuous_column_tells_of_a_class_what_the_overlap_leaves()
    {
        // x is uniform in [0, 2) for one class and in [1, 3) for the other: in the middle half of the draws nothing is known.
        var random = new Random(7);
        IDataView data = Rows(
            [.. Enumerable.Range(0, 3_000).Select(i => new Row { Flag = i % 2 == 0, Value = (float)(2 * random.NextDouble() + i % 2) })]);
        Assert.Equal(Math.Log(2) / 2, InformationTheory.EstimateMutualInformation(data, "Value", "Flag"), 0.04);
        Assert.Equal(
            InformationTheory.EstimateMutualInformation(data, "Flag", "Value"),
            InformationTheory.EstimateMutualInformation(data, "Value", "Flag"), 12);
    }

    [Fact]
    public void A_vector_column_is_one_variable()
    {
        // The class is the sign of a product: neither dimension tells of it alone, both together tell all.
        var random = new Random(8);
        IDataView data = Rows([.. Enumerable.Range(0, 3_000).Select(_ =>
        {
            float a = random.NextSingle() - 0.5f, b = random.NextSingle() - 0.5f;
            return new Row { Flag = a * b > 0, Value = a, Vector = [a, b] };
        })]);
        Assert.Equal(0, InformationTheory.EstimateMutualInformation(data, "Value", "Flag"), 0.04);
        Assert.InRange(InformationTheory.EstimateMutualInformation(data, "Vector", "Flag"), Math.Log(2) - 0.1, Math.Log(2) + 0.02);
    }

    [Fact]
    public void Two_vector_columns_share_what_their_dimensions_share()
    {
        // Two independent pairs with correlation 0.8 each: the information of both adds up.
        var random = new Random(9);
        (double[] x, double[] y) = Normal(random, 6_000, 0.8);
        IDataView data = Rows([.. Enumerable.Range(0, 3_000)
            .Select(i => new Row { Vector = [(float)x[i], (float)x[i + 3_000]], Other = [y[i], y[i + 3_000]] })]);
        Assert.Equal(-Math.Log(1 - 0.64), InformationTheory.EstimateMutualInformation(data, "Vector", "Other"), 0.1);
    }

    [Fact]
    public void Bad_columns_and_samples_are_refused_with_the_reason()
    {
        IDataView data = Rows(
            [.. Enumerable.Range(0, 20).Select(i => new Row { Number = i % 2, Value = i % 2, Text = i == 0 ? "once" : "often" })]);
        Refused("Column 'Nothing' is missing", () => InformationTheory.EstimateEntropy(data, "Nothing"));
        Refused("Column 'Value' has type Single; expected a key, integer, Boolean or text column", () =>
            InformationTheory.EstimateEntropy(data, "Value"));
        Refused("More than 3 rows have equal values of Column 'Value'", () =>
            InformationTheory.EstimateMutualInformation(data, "Value", "Number"));
        Refused("Column 'Text', row 0", () => InformationTheory.EstimateMutualInformation(data, "Value", "Text"));
        Refused("The data is empty", () => InformationTheory.EstimateEntropy(Rows([]), "Text"));
        Refused("The data is empty", () => InformationTheory.EstimateMutualInformation(Rows([]), "Value", "Vector"));
        Refused("Column 'Value', row 1: the value is NaN", () => InformationTheory.EstimateMutualInformation(
            Rows([new Row(), new Row { Value = float.NaN }]), "Value", "Vector"));
        Refused("3 rows were given; 3 neighbors", () => InformationTheory.MutualInformationFromSamples([1, 2, 3], [1, 2, 3]));
        Refused("x has 2 values and y has 1", () => InformationTheory.MutualInformationFromSamples([1, 2], [1]));
        Refused("Count 1 is -1", () => InformationTheory.EntropyFromCounts([1, -1]));
        Refused("All counts are 0", () => InformationTheory.EntropyFromCounts([0, 0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => InformationTheory.MutualInformationFromSamples([1, 2], [1, 2], neighbors: 0));
    }

    private static void Refused(string reason, Action call) =>
        Assert.Contains(reason, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);

    private static (double[] X, double[] Y) Normal(Random random, int count, double correlation)
    {
        double[] x = new double[count], y = new double[count];
        for (int i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())), angle = 2 * Math.PI * random.NextDouble();
            x[i] = radius * Math.Cos(angle);
            y[i] = correlation * x[i] + Math.Sqrt(1 - correlation * correlation) * radius * Math.Sin(angle);
        }

        return (x, y);
    }

    private static IDataView Rows(Row[] rows) => new MLContext().Data.LoadFromEnumerable(rows);

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public bool Flag { get; set; }

        public int Number { get; set; }

        public float Value { get; set; }

        [VectorType(2)]
        public float[] Vector { get; set; } = [0, 0];

        [VectorType(2)]
        public double[] Other { get; set; } = [0, 0];
    }
}
