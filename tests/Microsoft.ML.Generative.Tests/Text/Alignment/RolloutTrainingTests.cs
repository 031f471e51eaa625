using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Alignment;

namespace Microsoft.ML.Generative.Tests.Text.Alignment;

/// <summary>Policies that learn from rewards of their completions.</summary>
public sealed class RolloutTrainingTests
{
    private static readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string> Methods => ["Grpo", "Rloo", "Ppo", "Ppo with a network of values"];

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_score_grows(string method)
    {
        var reports = new Reports();
        RolloutOptions options = Large(method);
        (options.MaxSteps, options.LearningRate, options.Seed, options.Progress) = (25, 0.01, 4, reports);
        options.Rewards = [TextReward.FromFunction((_, completion) => completion.Count(c => c == 'a'))];
        (options.MaxTokens, options.KlCoefficient) = (8, 0.01);
        using LanguageModelTransformer model = Fit(options);
        double before = reports.All[0].LossTerms["score"], after = reports.All[^1].RecentLossTerms["score"];
        Assert.True(after > before + 0.1, $"{before} → {after}");
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_field_s_figures_are_reported_and_the_first_ratios_are_1(string method)
    {
        var reports = new Reports();
        RolloutOptions options = Large(method);
        (options.MaxSteps, options.Progress) = (1, reports);
        Fit(options).Dispose();
        IReadOnlyDictionary<string, double> terms = reports.All[0].LossTerms;
        foreach (string name in (string[])["score", "score std", "kl", "length", "truncated", "entropy", "approxkl", "clipfrac", "ratio"])
            Assert.True(terms.ContainsKey(name), name);
        Assert.Equal(1, terms["ratio"], 5);
        Assert.Equal(0, terms["approxkl"], 6);
        Assert.Equal(0, terms["clipfrac"]);
        // The policy begins as its reference.
        Assert.Equal(0, terms["kl"], 4);
        Assert.InRange(terms["entropy"], 0.01, Math.Log(TinyPreferences.Model.Codec.VocabularySize));
        if (options is PpoOptions)
            Assert.True(terms["value loss"] > 0 && terms.ContainsKey("kl coefficient"));
    }

    [Fact]
    public void The_ratios_are_1_at_the_sampler_s_temperature_too()
    {
        var reports = new Reports();
        GrpoOptions options = TinyAlignment.Grpo();
        (options.MaxSteps, options.Progress, options.Temperature) = (1, reports, 0.5);
        Fit(options).Dispose();
        Assert.Equal(1, reports.All[0].LossTerms["ratio"], 5);
        Assert.Equal(0, reports.All[0].LossTerms["kl"], 4);
    }

    [Fact]
    public void Dropout_is_off_in_roll_outs()
    {
        List<string> first = [], second = [];
        foreach ((List<string> texts, double dropout) in new[] { (first, 0.0), (second, 0.5) })
        {
            GrpoOptions options = TinyAlignment.Grpo();
            (options.MaxSteps, options.Seed, options.Dropout) = (1, 3, dropout);
            options.Rewards = [TextReward.FromFunction((prompt, completion) =>
            {
                texts.Add($"{prompt}{completion}");
                return completion.Length;
            })];
            Fit(options).Dispose();
        }

        Assert.Equal(first, second);
        Assert.Equal(8, first.Count);
    }

    [Fact]
    public void Equal_scores_of_a_group_have_no_gradient_and_are_reported()
    {
        MLContext ml = new(seed: 1);
        List<string> log = Logs.Of(ml);
        GrpoOptions options = TinyAlignment.Grpo();
        (options.KlCoefficient, options.MaxSteps, options.Seed) = (0, 3, 1);
        options.Rewards = [TextReward.FromFunction((_, _) => 7)];
        using LanguageModelTransformer model = ml.Transforms.Generative().Grpo(options).Fit(TinyAlignment.Prompts(ml));
        Assert.Equal(Weights(TinyPreferences.Model), Weights(model));
        Assert.Contains(log, line => line.Contains("all completions of each prompt have the same score") && line.Contains("Temperature"));
    }

    [Fact]
    public void Truncated_completions_are_left_out_where_asked_for_and_penalized_where_asked_for()
    {
        GrpoOptions options = TinyAlignment.Grpo();
        // Two completions, neither of which ends within one token.
        (options.MaxTokens, options.MaskTruncated, options.MaxSteps, options.Seed, options.KlCoefficient) = (1, true, 1, 1, 0);
        (options.RolloutPrompts, options.GroupSize, options.BatchSize, options.RolloutEpochs) = (1, 2, 2, 1);
        options.Rewards = [TextReward.FromFunction((_, completion) => completion.Length > 0 ? completion[0] : 0)];
        var reports = new Reports();
        options.Progress = reports;
        using (LanguageModelTransformer model = Fit(options))
            Assert.Equal(Weights(TinyPreferences.Model), Weights(model));

        RlooOptions rloo = TinyAlignment.Rloo();
        (rloo.MaxTokens, rloo.MissingEndPenalty, rloo.MaxSteps, rloo.Progress) = (1, 5, 1, reports);
        rloo.Rewards = [TextReward.FromFunction((_, _) => 2)];
        Fit(rloo).Dispose();
        Assert.Equal(2 - 5 * reports.All[^1].LossTerms["truncated"], reports.All[^1].LossTerms["score"], 4);
    }

    [Fact]
    public void Several_rewards_are_weighted_and_reported_by_name()
    {
        var reports = new Reports();
        GrpoOptions options = TinyAlignment.Grpo();
        (options.MaxSteps, options.Progress) = (1, reports);
        options.Rewards =
        [
            TextReward.FromFunction((_, completion) => completion.Length, weight: 2, name: "long"),
            TextReward.FromFunction((_, completion) => completion.Count(c => c == 'a'), weight: -1, name: "a"),
        ];
        Fit(options).Dispose();
        IReadOnlyDictionary<string, double> terms = reports.All[0].LossTerms;
        Assert.Equal(2 * terms["reward long"] - terms["reward a"], terms["score"], 4);
    }

    [Fact]
    public void A_fitted_pipeline_of_ML_NET_is_a_reward()
    {
        IDataView texts = _ml.Data.LoadFromEnumerable(
            TinyText.Sentences.Select(s => new JudgedRow { Text = s, Label = s.Contains("fish") }));
        var classifier = _ml.Transforms.Text.FeaturizeText("Features", "Text")
            .Append(_ml.BinaryClassification.Trainers.SdcaLogisticRegression()).Fit(texts);
        float[] expected = [.. classifier.Transform(texts).GetColumn<float>("Probability")];
        TextReward reward = TextReward.FromTransformer(classifier, "Text", "Probability");
        double[] found = reward.Score(
            Hosts.Create(_ml), [.. TinyText.Sentences.Select(s => new RolloutText(s[..5], s[5..], 1))]);
        Assert.Equal(expected.Select(x => (double)x), found);

        GrpoOptions options = TinyAlignment.Grpo();
        options.Rewards = [reward];
        options.MaxSteps = 1;
        Fit(options).Dispose();
        options.Rewards = [TextReward.FromTransformer(classifier, "Text", "Rating", name: "sentiment")];
        Assert.Contains("'sentiment' has no column 'Rating'", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
        options.Rewards = [TextReward.FromTransformer(classifier, "Review", name: "sentiment")];
        Assert.Contains("'Review' alone", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
    }

    [Fact]
    public void A_reward_model_is_a_reward()
    {
        RewardModelOptions reward = TinyPreferences.RewardOptions();
        reward.MaxSteps = 2;
        using RewardModelTransformer model = _ml.Transforms.Generative().RewardModel(reward).Fit(TinyPreferences.Data(_ml));
        double[] found = TextReward.FromRewardModel(model).Score(Hosts.Create(_ml), [new("the cat sees ", "a fish.", 8)]);
        Assert.Equal(model.Score("a fish.", "the cat sees "), found[0], 4);
        RlooOptions options = TinyAlignment.Rloo();
        options.Rewards = [TextReward.FromRewardModel(model)];
        options.MaxSteps = 1;
        Fit(options).Dispose();
    }

    [Fact]
    public void Built_in_rewards_have_their_published_values()
    {
        RolloutText[] texts = [new("", "so So so so so", 90), new("", "a b c", 110), new("", "", 50)];
        Assert.Equal([-0.5, -1, 0], TextReward.Overlong(100, 20).Score(Hosts.Create(_ml), texts));
        Assert.Equal([-0.75, 0, 0], TextReward.Repetition(2).Score(Hosts.Create(_ml), texts));
    }

    [Fact]
    public void The_coefficient_of_KL_adapts_to_its_target()
    {
        foreach ((double target, bool isRaised) in new[] { (1e-4, true), (1000.0, false) })
        {
            var reports = new Reports();
            PpoOptions options = TinyAlignment.Ppo();
            (options.KlTarget, options.KlHorizon, options.KlCoefficient) = (target, 50, 0.1);
            (options.Progress, options.LearningRate) = (reports, 0.01);
            options.Epochs = 4;
            Fit(options).Dispose();
            double last = reports.All[^1].RecentLossTerms["kl coefficient"];
            Assert.True(isRaised ? last > 0.1 : last < 0.09, $"{target}: {last}");
        }
    }

    [Fact]
    public void PPO_with_an_adapter_a_network_of_values_and_an_adaptive_coefficient_resumes_exactly()
    {
        using var folders = new TemporaryFolder();
        List<string> whole = [];
        float[] expected = Train("whole", null, whole);
        string[] coefficients = [.. whole.Select(line => line.Split(" coefficient ")[1])];
        Assert.NotEqual(coefficients[0], coefficients[^1]);
        // Within the first roll-out, between two, and within the second.
        foreach (int step in (int[])[1, 4, 6])
        {
            List<string> reports = [];
            Assert.Empty(Train($"cut-{step}", step, reports));
            Assert.Equal(expected, Train($"cut-{step}", null, reports));
            Assert.Equal(whole, reports);
        }

        float[] Train(string name, int? cancelAt, List<string> reports)
        {
            using var stop = new CancellationTokenSource();
            PpoOptions options = TinyAlignment.Ppo();
            (options.Adapter, options.UsesValueNetwork, options.Seed) = (new LoraOptions { Rank = 2 }, true, 3);
            (options.LearningRate, options.CancellationToken) = (0.01, stop.Token);
            options.Checkpoints = new CheckpointOptions(folders.File(name)) { Steps = 5 };
            options.Progress = new Reports
            {
                OnReport = report =>
                {
                    reports.Add(
                        $"{report.Step} {report.Loss:R} {report.LossTerms["value loss"]:R} coefficient "
                        + $"{report.LossTerms["kl coefficient"]:R}");
                    if (report.Step == cancelAt)
                        stop.Cancel();
                },
            };
            try
            {
                using LanguageModelTransformer model = Fit(options);
                return [.. model.Networks.Active!.parameters().SelectMany(p => TensorMemory.ToArray<float>(p))];
            }
            catch (OperationCanceledException)
            {
                return [];
            }
        }
    }

    [Fact]
    public void An_empty_table_is_refused_as_such_whatever_the_room_for_completions()
    {
        IDataView none = _ml.Data.SkipRows(TinyAlignment.Prompts(_ml), 100);
        foreach (RolloutOptions options in (RolloutOptions[])[TinyAlignment.Grpo(), TinyAlignment.Rloo(), TinyAlignment.Ppo()])
        {
            // More than the context of the model.
            options.MaxTokens = RolloutOptions.Defaults.MaxTokens;
            Assert.Contains("The data is empty", Assert.ThrowsAny<ArgumentException>(() => Fit(options, none)).Message);
            Assert.Contains("MaxTokens is 64; expected at most 23", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
        }
    }

    [Fact]
    public void A_score_that_is_no_number_is_named_with_its_reward_and_text()
    {
        GrpoOptions options = TinyAlignment.Grpo();
        options.Rewards = [TextReward.FromFunction((_, _) => double.NaN, name: "broken")];
        string message = Assert.Throws<InvalidOperationException>(() => Fit(options)).Message;
        Assert.Contains("'broken'", message);
        Assert.Contains("NaN; expected a finite number", message);
    }

    [Fact]
    public void Wrong_options_are_named()
    {
        GrpoOptions options = TinyAlignment.Grpo();
        options.Rewards = [];
        Assert.Contains("Rewards is empty", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
        options = TinyAlignment.Grpo();
        options.BatchSize = 3;
        Assert.Contains(
            "8 completions (RolloutPrompts 4 × GroupSize 2), which is not a multiple of the 3",
            Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
        options = TinyAlignment.Grpo();
        options.MaxTokens = 24;
        Assert.Contains("MaxTokens is 24; expected at most 23", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
        options = TinyAlignment.Grpo();
        options.MaxTokens = 20;
        Assert.Contains("None of the 9 prompts has at most 4 tokens", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);
        PpoOptions ppo = TinyAlignment.Ppo();
        ppo.KlCoefficient = 0;
        Assert.Contains("KlTarget is 1", Assert.ThrowsAny<ArgumentException>(() => Fit(ppo)).Message);
    }

    private static RolloutOptions Large(string method)
    {
        switch (method)
        {
            case "Grpo":
                GrpoOptions grpo = TinyAlignment.Grpo();
                (grpo.RolloutPrompts, grpo.GroupSize, grpo.BatchSize, grpo.RolloutEpochs) = (4, 8, 32, 1);
                return grpo;
            case "Rloo":
                RlooOptions rloo = TinyAlignment.Rloo();
                (rloo.RolloutPrompts, rloo.GroupSize, rloo.BatchSize) = (4, 8, 32);
                return rloo;
            default:
                PpoOptions ppo = TinyAlignment.Ppo();
                (ppo.RolloutPrompts, ppo.BatchSize, ppo.RolloutEpochs) = (32, 32, 1);
                (ppo.UsesValueNetwork, ppo.KlTarget) = (method != "Ppo", null);
                return ppo;
        }
    }

    private static LanguageModelTransformer Fit(RolloutOptions options, IDataView? data = null)
    {
        GenerativeTransformsCatalog catalog = _ml.Transforms.Generative();
        IEstimator<LanguageModelTransformer> estimator = options switch
        {
            GrpoOptions grpo => catalog.Grpo(grpo),
            RlooOptions rloo => catalog.Rloo(rloo),
            _ => catalog.Ppo((PpoOptions)options),
        };
        return estimator.Fit(data ?? TinyAlignment.Prompts(_ml));
    }

    private static float[] Weights(LanguageModelTransformer model) =>
        [.. model.Network.parameters().SelectMany(p => TensorMemory.ToArray<float>(p))];
}
