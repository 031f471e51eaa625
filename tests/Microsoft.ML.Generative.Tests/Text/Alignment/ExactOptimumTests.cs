using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests.Text.Alignment;

/// <summary>
/// The strongest truth: where all completions can be enumerated, the policy that maximizes the reward minus β times the divergence from the
/// reference is π*(y) ∝ π_ref(y)·exp(r(y) / β).
/// </summary>
public sealed class ExactOptimumTests
{
    private const string Prompt = "|";
    private const double Beta = 0.5;

    private static readonly MLContext _ml = new(seed: 1);
    private static readonly Lazy<LanguageModelTransformer> _reference = new(CreateReference);

    private static IDataView Prompts => _ml.Data.LoadFromEnumerable([new PreferenceRow { Prompt = Prompt }]);

    [Fact]
    public void GRPO_approaches_it()
    {
        GrpoOptions options = Rollouts(new GrpoOptions(), steps: 150);
        (options.RolloutPrompts, options.GroupSize, options.BatchSize, options.AdvantageScaling) = (1, 256, 256, AdvantageScaling.None);
        AssertIsNear(_ml.Transforms.Generative().Grpo(options).Fit(Prompts), 0.06);
    }

    [Fact]
    public void RLOO_approaches_it()
    {
        RlooOptions options = Rollouts(new RlooOptions(), steps: 150);
        (options.RolloutPrompts, options.GroupSize, options.BatchSize) = (1, 256, 256);
        AssertIsNear(_ml.Transforms.Generative().Rloo(options).Fit(Prompts), 0.06);
    }

    [Fact]
    public void PPO_approaches_it()
    {
        PpoOptions options = Rollouts(new PpoOptions(), steps: 150);
        (options.RolloutPrompts, options.BatchSize, options.RolloutEpochs, options.WhitenAdvantages) = (256, 256, 1, false);
        (options.ValueCoefficient, options.ValueClipRange) = (0.5, 10);
        AssertIsNear(_ml.Transforms.Generative().Ppo(options).Fit(Prompts), 0.06);
    }

    [Fact]
    public void DPO_approaches_it_on_preferences_sampled_from_the_reward()
    {
        // As many pairs in each direction as the model of Bradley and Terry expects of 20.
        string[] all = ["a", "b", "c", "d"];
        var pairs = new List<PreferenceRow>();
        foreach ((string first, string second) in all.SelectMany(a => all.Where(b => b != a).Select(b => (a, b))))
        {
            int wins = (int)Math.Round(20 / (1 + Math.Exp(Reward(second) - Reward(first))));
            pairs.AddRange(Enumerable.Repeat(new PreferenceRow { Prompt = Prompt, Chosen = first, Rejected = second }, wins));
        }

        var options = new DpoOptions
        {
            BaseModel = _reference.Value,
            Beta = Beta,
            BatchSize = pairs.Count,
            MaxSteps = 150,
            LearningRate = 0.01,
            LearningRateSchedule = LearningRateSchedule.Linear,
            Seed = 1,
        };
        using LanguageModelTransformer model = _ml.Transforms.Generative().Dpo(options).Fit(_ml.Data.LoadFromEnumerable(pairs));
        double[] reference = Normalized(_reference.Value), found = Normalized(model);
        double[] optimum = [.. all.Select((y, i) => reference[i] * Math.Exp(Reward(y) / Beta))];
        double distance = 0.5 * optimum.Zip(found, (a, b) => Math.Abs(a / optimum.Sum() - b)).Sum();
        Assert.True(distance < 0.03, $"distance {distance}");

        double[] Normalized(LanguageModelTransformer of)
        {
            double[] p = [.. all.Select(y => Math.Exp(TinyAlignment.LogProbability(of, Prompt, y)))];
            return [.. p.Select(x => x / p.Sum())];
        }
    }

    private static double Reward(string completion) => completion switch
    {
        "a" => 1,
        "b" => 0.5,
        "c" => -0.5,
        _ => 0,
    };

    private static T Rollouts<T>(T options, int steps)
        where T : RolloutOptions
    {
        options.BaseModel = _reference.Value;
        options.Rewards = [TextReward.FromFunction((_, completion) => Reward(completion))];
        (options.MaxTokens, options.KlCoefficient, options.MaxSteps, options.Seed) = (1, Beta, steps, 1);
        (options.LearningRate, options.LearningRateSchedule) = (0.01, LearningRateSchedule.Linear);
        return options;
    }

    // Completions are one token.
    private static void AssertIsNear(LanguageModelTransformer model, double distance)
    {
        using (model)
        {
            Dictionary<string, double> reference = Distribution(_reference.Value), found = Distribution(model);
            Dictionary<string, double> weights = reference.ToDictionary(p => p.Key, p => p.Value * Math.Exp(Reward(p.Key) / Beta));
            double sum = weights.Values.Sum();
            double Total(Dictionary<string, double> to) => 0.5 * weights.Sum(w => Math.Abs(w.Value / sum - to.GetValueOrDefault(w.Key)));
            // Far away at first.
            Assert.True(Total(reference) > 0.25, $"The reference is at {Total(reference)}.");
            Assert.True(Total(found) < distance, $"The distance is {Total(found)}; the reference's {Total(reference)}.");
        }
    }

    private static Dictionary<string, double> Distribution(LanguageModelTransformer model) =>
        model.NextTokens(Prompt, 100).ToDictionary(p => p.Text, p => (double)p.Probability);

    private static LanguageModelTransformer CreateReference()
    {
        MLContext ml = new(seed: 1);
        string[] texts = ["|a", "|b", "|b", "|c", "|c", "|d", "|d", "|d"];
        return ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            InputColumnName = "Chosen",
            Tokenizer = GenerativeTokenizers.CharacterLevel(["|abcd"], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" }),
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = 1,
                Heads = 2,
                EmbeddingSize = 16,
                FeedForwardSize = 16,
                ContextLength = 8,
            },
            MaxSteps = 60,
            BatchSize = 8,
            LearningRate = 0.01,
            Precision = ComputePrecision.Float32,
        }).Fit(ml.Data.LoadFromEnumerable(Enumerable.Repeat(texts, 10).SelectMany(t => t).Select(t => new PreferenceRow { Chosen = t })));
    }
}
