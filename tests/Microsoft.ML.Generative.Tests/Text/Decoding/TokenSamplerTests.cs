using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.Tests;

public sealed class TokenSamplerTests
{
    [Fact]
    public void Top_p_keeps_the_fewest_tokens_that_reach_it() =>
        AssertKept([0.3, 0, 0, 0.5], Distribution(new() { TopP = 0.8 }, 0.3, 0.1, 0.1, 0.5));

    [Fact]
    public void Min_p_keeps_what_is_nearly_as_probable_as_the_best() =>
        AssertKept([0.9, 0, 0.047, 0], Distribution(new() { MinP = 0.05 }, 0.9, 0.0274, 0.047, 0.0274));

    [Fact]
    public void Typical_sampling_drops_the_token_that_is_too_probable() =>
        AssertKept([0, 0.2, 0.2, 0.2], Distribution(new() { TypicalP = 0.5 }, 0.4, 0.2, 0.2, 0.2));

    [Fact]
    public void Top_k_keeps_so_many() =>
        AssertKept([0, 0.5, 0.3, 0], Distribution(new() { TopK = 2 }, 0, 0.5, 0.3, 0.2));

    // As transformers: what is below the k-th logit is removed.
    [Theory]
    [InlineData(1, new[] { 0.3, 0.3, 0, 0, 0 })]
    [InlineData(2, new[] { 0.3, 0.3, 0, 0, 0 })]
    [InlineData(3, new[] { 0.3, 0.3, 0.15, 0.15, 0 })]
    [InlineData(4, new[] { 0.3, 0.3, 0.15, 0.15, 0 })]
    [InlineData(5, new[] { 0.3, 0.3, 0.15, 0.15, 0.1 })]
    public void Top_k_keeps_what_is_as_probable_as_the_last(int k, double[] expected) =>
        AssertKept(expected, Distribution(new() { TopK = k }, 0.3, 0.3, 0.15, 0.15, 0.1));

    [Fact]
    public void Top_k_beside_forbidden_tokens_keeps_those_that_are_left() =>
        AssertKept([0, 0.5, 0, 0.5], Distribution(new() { TopK = 3 }, 0, 0.5, 0, 0.5));

    [Fact]
    public void Temperature_flattens_the_distribution_by_its_power() =>
        AssertKept([Math.Sqrt(0.1), Math.Sqrt(0.9)], Distribution(new() { Temperature = 2 }, 0.1, 0.9));

    [Fact]
    public void Temperature_0_is_greedy() =>
        AssertKept([0, 1, 0], Distribution(new() { Temperature = 0 }, 0.3, 0.4, 0.3));

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.999)]
    public void Filters_of_a_large_vocabulary_keep_what_sorting_it_would(double topP)
    {
        const int size = 5_000;
        var random = new Random(3);
        double[] weights = [.. Enumerable.Range(0, size).Select(_ => Math.Exp(3 * random.NextDouble()))];
        double[] probabilities = [.. weights.Select(w => w / weights.Sum())];
        double bound = 0, mass = 0;
        foreach (double p in probabilities.OrderDescending())
        {
            if (mass >= topP)
                break;
            mass += p;
            bound = p;
        }

        double[] found = Distribution(new() { TopP = topP }, probabilities);
        int[] expected = [.. Enumerable.Range(0, size).Where(i => probabilities[i] >= bound)];
        Assert.InRange(found.Count(p => p > 0), expected.Length - 2, expected.Length + 2);
        Assert.All(expected.Where(i => probabilities[i] > bound * 1.0001), i => Assert.Equal(probabilities[i] / mass, found[i], 1e-6));
    }

    [Fact]
    public void Tokens_are_drawn_as_often_as_they_are_probable()
    {
        double[] probabilities = [0.5, 0.25, 0.15, 0.1];
        const int draws = 20_000;
        var sampler = new TokenSampler(new TextGenerationOptions(), 4);
        int[] counts = new int[4];
        for (int i = 0; i < draws; i++)
            counts[sampler.Choose(Logits(probabilities), new RowRandom(7, i).NextDouble())]++;
        double chiSquare = counts.Select((c, i) => Math.Pow(c - draws * probabilities[i], 2) / (draws * probabilities[i])).Sum();
        // 99.9 % of draws of 3 degrees of freedom are below 16.27.
        Assert.True(chiSquare < 16.27, $"{string.Join(", ", counts)}: {chiSquare}");
    }

    // In the middle of each token's part of 0 to 1, which no rounding leaves.
    [Theory]
    [InlineData(1)]
    [InlineData(0.95)]
    public void The_token_at_a_place_is_found_among_many(double topP)
    {
        const int size = 1_000;
        var random = new Random(4);
        double[] probabilities = [.. Enumerable.Range(0, size).Select(i => i % 7 == 0 ? 0 : Math.Exp(4 * random.NextDouble()))];
        double sum = probabilities.Sum();
        probabilities = [.. probabilities.Select(p => p / sum)];
        int[] order = [.. Enumerable.Range(0, size)];
        if (topP < 1)
            order = [.. order.OrderByDescending(i => probabilities[i])];
        double mass = 0;
        int[] kept = [.. order.TakeWhile(i => (mass += probabilities[i]) - probabilities[i] < topP)];
        mass = kept.Sum(i => probabilities[i]);

        var sampler = new TokenSampler(new TextGenerationOptions { TopP = topP }, size);
        double before = 0;
        foreach (int token in kept)
        {
            double own = probabilities[token] / mass;
            if (own > 0)
                Assert.Equal(token, sampler.Choose(Logits(probabilities), before + own / 2));
            before += own;
        }
    }

    [Fact]
    public void A_forbidden_token_is_never_drawn()
    {
        var sampler = new TokenSampler(new TextGenerationOptions(), 3);
        foreach (double uniform in (double[])[0, 0.4999999, 0.5, 0.99999999999])
            Assert.NotEqual(1, sampler.Choose([0, float.NegativeInfinity, 0], uniform));
        Assert.Equal(1, sampler.Choose([float.NegativeInfinity, 0, float.NegativeInfinity], 0));
    }

    [Fact]
    public void The_repetition_penalty_divides_positive_and_multiplies_negative_logits()
    {
        var adjustments = new LogitAdjustments(new TextGenerationOptions { RepetitionPenalty = 2 }, [0]);
        adjustments.Add(1);
        float[] logits = [-0.1f, 0.1f, 0.3f];
        adjustments.Apply(logits);
        Assert.Equal([-0.2f, 0.05f, 0.3f], logits);
    }

    [Fact]
    public void Frequency_counts_each_time_and_presence_once_and_the_prompt_does_not_count()
    {
        var adjustments = new LogitAdjustments(new TextGenerationOptions { FrequencyPenalty = 0.5, PresencePenalty = 1 }, [2]);
        adjustments.Add(0);
        adjustments.Add(0);
        adjustments.Add(1);
        float[] logits = [3, 3, 3];
        adjustments.Apply(logits);
        Assert.Equal([1f, 1.5f, 3f], logits);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        foreach ((TextGenerationOptions options, string name) in ((TextGenerationOptions, string)[])[
            (new() { MaxTokens = 0 }, "MaxTokens"), (new() { Temperature = -1 }, "Temperature"), (new() { TopK = 0 }, "TopK"),
            (new() { TopP = 0 }, "TopP"),
            (new() { MinP = 2 }, "MinP"), (new() { TypicalP = double.NaN }, "TypicalP"),
            (new() { RepetitionPenalty = 0 }, "RepetitionPenalty"),
            (new() { LogitBias = new Dictionary<int, float> { [9] = 1 } }, "LogitBias"), (new() { StopStrings = [""] }, "StopStrings"),
            (new() { Beams = 2, Temperature = 0.5 }, "Beams"), (new() { LengthPenalty = 2 }, "LengthPenalty"),
            (new() { Beams = 0 }, "Beams"),
            (new() { Temperature = 1e-320 }, "Temperature"), (new() { Temperature = 1e300 }, "Temperature"),
            (new() { Temperature = double.NaN }, "Temperature"),
            (new() { Temperature = double.PositiveInfinity }, "Temperature"), (new() { TopP = double.NaN }, "TopP"),
            (new() { MinP = double.NaN }, "MinP"),
            (new() { RepetitionPenalty = 1e-320 }, "RepetitionPenalty"),
            (new() { RepetitionPenalty = double.MaxValue }, "RepetitionPenalty"),
            (new() { FrequencyPenalty = double.NaN }, "FrequencyPenalty"), (new() { PresencePenalty = -1e300 }, "PresencePenalty"),
            (new() { Beams = 2, LengthPenalty = 1e300 }, "LengthPenalty"),
            (new() { Beams = 2, LengthPenalty = double.NaN }, "LengthPenalty"),
            (new() { LogitBias = Bias(float.MaxValue) }, "LogitBias"), (new() { LogitBias = Bias(float.MinValue) }, "LogitBias"),
            (new() { LogitBias = Bias(float.NaN) }, "LogitBias"), (new() { LogitBias = Bias(float.PositiveInfinity) }, "LogitBias"),
            (new() { LogitBias = Enumerable.Range(0, 4)
                .ToDictionary(t => t, _ => float.NegativeInfinity) }, "LogitBias forbids all 4 tokens")])
        {
            ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => options.Validate(4));
            Assert.Contains(name, error.Message);
        }

        new TextGenerationOptions
        {
            Temperature = 1e-6,
            RepetitionPenalty = 100,
            LogitBias = new Dictionary<int, float> { [0] = 10_000, [1] = float.NegativeInfinity, [2] = -10_000 },
        }.Validate(4);

        static Dictionary<int, float> Bias(float bias) => new() { [1] = bias };
    }

    [Fact]
    public void The_lowest_temperature_is_nearly_greedy() =>
        AssertKept([0, 1, 0], Distribution(new() { Temperature = 1e-6 }, 0.33, 0.34, 0.33));

    private static double[] Distribution(TextGenerationOptions options, params double[] probabilities) =>
        new TokenSampler(options, probabilities.Length).Distribution(Logits(probabilities));

    private static float[] Logits(double[] probabilities) => [.. probabilities.Select(p => (float)Math.Log(p))];

    private static void AssertKept(double[] weights, double[] found)
    {
        double sum = weights.Sum();
        for (int i = 0; i < weights.Length; i++)
            Assert.Equal(weights[i] / sum, found[i], 6);
    }
}
