using Microsoft.ML.Generative.Text.Alignment;

namespace Microsoft.ML.Generative.Tests.Text.Alignment;

/// <summary>Published numbers of TRL and torchtune, and values computed by hand.</summary>
public sealed class AdvantagesTests
{
    [Fact]
    public void Masked_statistics_are_those_of_the_real_values_with_unbiased_variance()
    {
        float[] values = [1, 2, 3, 4, 5];
        bool[] isReal = [true, true, true, false, false];
        Assert.Equal(2, MaskedValues.Mean(values, isReal), 12);
        Assert.Equal(1, MaskedValues.Variance(values, isReal), 12);
        Assert.Equal(0, MaskedValues.Mean(values, new bool[5]));
        Assert.Equal(0, MaskedValues.Variance(values, [true, false, false, false, false]));
    }

    [Fact]
    public void Whitening_looks_at_real_tokens_only()
    {
        float[] values = [1, 2, 3, 400, -500];
        MaskedValues.Whiten(values, [true, true, true, false, false]);
        AssertClose([-1, 0, 1, 0, 0], values, 1e-6);

        values = [1, 2, 3, 400, -500];
        MaskedValues.Whiten(values, [true, true, true, false, false], keepsMean: true);
        AssertClose([1, 2, 3, 0, 0], values, 1e-6);

        values = [4, 4, 4];
        MaskedValues.Whiten(values, [true, true, true]);
        AssertClose([0, 0, 0], values, 1e-6);
    }

    [Fact]
    public void Generalized_advantages_are_those_of_torchtune()
    {
        float[] values = [0, 0, 0, 1], rewards = [0, 0, 0, 1];
        float[] advantages = Advantages.Generalized(rewards, values, [true, true, true, true], 0.9, 0.95);
        AssertClose([0.6579225, 0.7695, 0.9, 1], [.. advantages.Zip(values, (a, v) => a + v)], 1e-6);

        advantages = Advantages.Generalized(
            [0, 0, 1, 0, -0.5f], [1, 4, -3, -2, -1], [true, true, true, true, true], 0.99, 1, lastValue: -1);
        AssertClose([-1.45118, -4.4557, 2.5396, 0.5249, -0.49], advantages, 1e-4);
    }

    [Fact]
    public void Values_at_masked_places_change_no_advantage()
    {
        float[] clean = Advantages.Generalized([0.5f, 0, 1], [1, 2, 3], [true, true, true], 0.9, 0.8);
        // The same with what a tool said between the first and the second, and padding.
        float[] masked = Advantages.Generalized(
            [0.5f, 7, 0, 1, 9], [1, 100, 2, 3, -50], [true, false, true, true, false], 0.9, 0.8);
        AssertClose([clean[0], 0, clean[1], clean[2], 0], masked, 1e-6);
    }

    [Fact]
    public void The_score_is_at_the_last_real_token_and_KL_at_all()
    {
        bool[] isReal = [true, true, true];
        AssertClose([0.05, 0.05, 1.05], RewardShaping.WithKl(1, [-0.1f, -0.1f, -0.1f], isReal, 0.5), 1e-6);
        AssertClose([0.1, 0.1, 2.1], RewardShaping.WithKl(2, [-0.2f, -0.2f, -0.2f], isReal, 0.5), 1e-6);
        AssertClose([0.15, 0.15, 3.15], RewardShaping.WithKl(3, [-0.3f, -0.3f, -0.3f], isReal, 0.5), 1e-6);
        AssertClose([0.1, 4.1, 0, 0], RewardShaping.WithKl(4, [-1, -1, 5, 5], [true, true, false, false], 0.1), 1e-6);
    }

    [Fact]
    public void Advantages_of_groups_have_the_unbiased_standard_deviation_plus_1e_4()
    {
        AssertClose([-0.865875, 0.865875, 0.865875, -0.865875], Advantages.OfGroups([0, 1, 1, 0], 4, AdvantageScaling.Group), 1e-6);
        Assert.All(Advantages.OfGroups([3, 3, 3, 3], 4, AdvantageScaling.Group), a => Assert.Equal(0, a));
        AssertClose([-0.5, 0.5, -2, 2], Advantages.OfGroups([0, 1, 4, 8], 2, AdvantageScaling.None), 1e-6);
        double spread = Math.Sqrt((3.25 * 3.25 + 2.25 * 2.25 + 0.75 * 0.75 + 4.75 * 4.75) / 3) + 1e-4;
        AssertClose(
            [-0.5 / spread, 0.5 / spread, -2 / spread, 2 / spread], Advantages.OfGroups([0, 1, 4, 8], 2, AdvantageScaling.Rollout), 1e-6);
    }

    [Fact]
    public void Leaving_one_out_compares_with_the_mean_of_the_others() =>
        AssertClose([-1 / 3.0, -1 / 3.0, -1 / 3.0, 1], Advantages.LeaveOneOut([0, 0, 0, 1], 4), 1e-6);

    [Theory]
    [InlineData(50, 0)]
    [InlineData(80, 0)]
    [InlineData(90, -0.5)]
    [InlineData(100, -1)]
    [InlineData(110, -1)]
    public void Long_completions_are_penalized_softly(int length, double expected) =>
        Assert.Equal(expected, RewardShaping.Overlong(length, 100, 20), 12);

    [Fact]
    public void Repetition_is_the_share_of_repeated_n_grams()
    {
        Assert.Equal(-0.75, RewardShaping.Repetition([7, 7, 7, 7, 7], 2), 12);
        Assert.Equal(0, RewardShaping.Repetition([1, 2, 3, 4], 2), 12);
        Assert.Equal(0, RewardShaping.Repetition([1], 2), 12);
        Assert.Equal(-1 / 3.0, RewardShaping.Repetition(["a", "b", "a", "b"], 2), 12);
    }

    private static void AssertClose(double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{i}: {actual[i]}, expected {expected[i]}");
    }
}
