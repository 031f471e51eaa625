using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class NeighborhoodMetricsTests
{
    private static NeighborhoodMetrics Of(
        double[] real, double[] generated, int precisionNeighbors, int densityNeighbors, long distancesAtOnce = 1 << 20)
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        return NeighborhoodMetrics.Of(
            tensor(real, [real.Length, 1]), tensor(generated, [generated.Length, 1]), precisionNeighbors, densityNeighbors, () => { },
            distancesAtOnce);
    }

    // Precision, 1 neighbor: real balls of radius 1 hold 0.5 and 2.5. Recall: generated balls of radii 2, 2, 8, 8 hold all real rows.
    // Density and coverage, 2 neighbors: real balls [−2, 2], [0, 2], [1, 3], [1, 5], [3, 17], [3, 19]: 0.5 is in two, 2.5 in two, 18 in
    // one, 26 in none.
    [Theory]
    [InlineData(1 << 20)]
    [InlineData(1)]
    public void On_a_line_they_are_what_comes_out_by_hand(long distancesAtOnce)
    {
        NeighborhoodMetrics metrics = Of([0, 1, 2, 3, 10, 11], [0.5, 2.5, 18, 26], 1, 2, distancesAtOnce);
        Assert.Equal(new NeighborhoodMetrics(Precision: 2 / 4.0, Recall: 1, Density: 5 / 2.0 / 4, Coverage: 5 / 6.0), metrics);
    }

    [Fact]
    public void Of_a_sample_and_itself_only_the_density_says_more_than_one()
    {
        // Each row is in its own ball and on average in k others'.
        var random = new Random(1);
        double[] rows = [.. Enumerable.Range(0, 50).Select(_ => random.NextDouble())];
        NeighborhoodMetrics metrics = Of(rows, rows, 3, 5);
        Assert.Equal((1, 1, 1), (metrics.Precision, metrics.Recall, metrics.Coverage));
        Assert.Equal(6 / 5.0, metrics.Density, 1e-12);
    }

    [Fact]
    public void Of_samples_of_one_distribution_density_and_coverage_have_their_expected_values()
    {
        // Naeem et al. 2020, lemmas 1 and 2: 1, and 1 − Π (N − i) / (N + M − i) for i = 1 to k.
        const int N = 60, M = 90, Trials = 60;
        TorchRuntime.EnsureLoaded();
        using var generator = new Generator(7);
        (double density, double coverage) = (0, 0);
        for (int i = 0; i < Trials; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            NeighborhoodMetrics metrics = NeighborhoodMetrics.Of(
                randn([N, 2], generator: generator), randn([M, 2], generator: generator), 3, 4, () => { });
            (density, coverage) = (density + metrics.Density / Trials, coverage + metrics.Coverage / Trials);
        }

        Assert.Equal(1, density, 0.04);
        Assert.Equal(1 - 59.0 * 58 * 57 * 56 / (149.0 * 148 * 147 * 146), coverage, 0.01);
    }

    [Fact]
    public void A_mode_that_is_missing_is_seen_in_recall_and_coverage_and_not_in_precision()
    {
        var random = new Random(2);
        double[] Cluster(double centre) => [.. Enumerable.Range(0, 40).Select(_ => centre + random.NextDouble())];
        NeighborhoodMetrics metrics = Of([.. Cluster(0), .. Cluster(100)], [.. Cluster(0), .. Cluster(0)], 3, 5);
        Assert.InRange(metrics.Precision, 0.95, 1);
        Assert.InRange(metrics.Recall, 0.4, 0.5);
        Assert.InRange(metrics.Coverage, 0.4, 0.5);
        Assert.InRange(metrics.Density, 0.8, 1.2);
    }

    [Fact]
    public void Bad_rows_are_seen_in_precision_and_density_and_not_in_coverage()
    {
        var random = new Random(3);
        double[] Draw(double centre) => [.. Enumerable.Range(0, 60).Select(_ => centre + random.NextDouble())];
        NeighborhoodMetrics metrics = Of(Draw(0), [.. Draw(0), .. Draw(50)], 3, 5);
        Assert.InRange(metrics.Precision, 0.45, 0.5);
        Assert.InRange(metrics.Density, 0.4, 0.6);
        Assert.InRange(metrics.Coverage, 0.8, 1);
    }

    [Fact]
    public void One_odd_real_row_misleads_precision_but_not_density()
    {
        // Naeem et al. 2020, section 2.3: its ball reaches back to the others, over everything bad in between.
        var random = new Random(4);
        double[] real = [.. Enumerable.Range(0, 60).Select(_ => random.NextDouble()), 100];
        double[] bad = [.. Enumerable.Range(0, 60).Select(_ => 20 + 60 * random.NextDouble())];
        NeighborhoodMetrics metrics = Of(real, bad, 3, 5);
        Assert.Equal(1, metrics.Precision);
        Assert.Equal(1 / 5.0, metrics.Density, 1e-12);
    }
}
