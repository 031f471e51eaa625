using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests.Text.Alignment;

/// <summary>Faults that other libraries for alignment had.</summary>
public sealed class AlignmentFaultTests
{
    private static readonly MLContext _ml = new(seed: 1);

    // A network whose size is rounded up, as those of public models are.
    private static readonly Lazy<LanguageModelTransformer> _padded = new(() =>
    {
        LanguageModelOptions options = TinyText.Options();
        options.Architecture = options.Architecture with { VocabularySize = 64 };
        return _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));
    });

    // Before the first dispose scope.
    private static readonly LanguageModelTransformer _model = TinyPreferences.Model;

    [Fact]
    public void Behind_the_token_that_ends_a_text_all_is_padding_even_where_padding_is_that_token()
    {
        using DisposeScope scope = NewDisposeScope();
        const int End = 0; // what sequences are filled up with
        var rollout = new Rollout([[7, 8, End], [7, 9, 8, 8, 8]], [1, 2], [true, true]);
        RolloutBatch batch = rollout.Batch([0, 1], CPU);
        // The prompt is no target, the token that ends the text is one, and positions begin at 0 in each row.
        Assert.Equal([7, 8, End, End, 7, 9, 8, 8], TensorMemory.ToArray<long>(batch.Sequences));
        const long None = LanguageModelNetwork.NoTarget;
        Assert.Equal([8, End, None, None, None, 8, 8, 8], TensorMemory.ToArray<long>(batch.Targets));
        Assert.Equal([1, 1, 0, 0, 0, 1, 1, 1], TensorMemory.ToArray<float>(batch.Mask));
    }

    [Fact]
    public void Completions_of_prompts_of_other_lengths_are_scored_as_each_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Rollout rollout = Unequal();
        float[][] together = LogProbabilities(rollout, [0, 1, 2]);
        for (int row = 0; row < rollout.Count; row++)
            AssertClose(LogProbabilities(rollout, [row])[0], together[row]);
    }

    [Fact]
    public void Dropout_is_off_in_the_reference_too()
    {
        var reports = new Reports();
        GrpoOptions options = TinyAlignment.Grpo();
        (options.MaxSteps, options.Dropout, options.Progress) = (1, 0.5, reports);
        _ml.Transforms.Generative().Grpo(options).Fit(TinyAlignment.Prompts(_ml)).Dispose();
        Assert.Equal(0, reports.All[0].LossTerms["kl"], 4);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.05)]
    public void Where_all_scores_of_a_group_are_equal_the_loss_is_that_of_KL_alone(double coefficient)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        GrpoOptions options = TinyAlignment.Grpo();
        options.KlCoefficient = coefficient;
        Rollout rollout = Unequal();
        float[][] log = LogProbabilities(rollout, [0, 1, 2]);
        rollout[TokenValue.Old] = log;
        rollout[TokenValue.Reference] = [.. log.Select(row => Array.ConvertAll(row, value => value - 0.1f))];
        rollout.SetAll(TokenValue.Advantage, Advantages.OfGroups([7, 7, 7], 3, AdvantageScaling.Group));
        // K3 of a log-ratio of 0.1.
        Assert.Equal(coefficient * 0.004837418, Loss(options, rollout), 6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_ratio_is_one_of_tokens_or_the_geometric_mean_of_a_completion(bool isOfCompletions)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        GrpoOptions options = TinyAlignment.Grpo();
        (options.UsesSequenceRatio, options.ClipRange, options.ClipRangeHigh, options.KlCoefficient) = (isOfCompletions, 1, 10, 0);
        Rollout rollout = Unequal();
        float[][] changes = [[0.1f, -0.2f, 0.4f], [0.3f], [-0.5f, 0.1f]];
        float[] advantages = [1, 2, -1];
        rollout[TokenValue.Old] = rollout[TokenValue.Reference] =
            [.. LogProbabilities(rollout, [0, 1, 2]).Zip(changes, (row, change) => row.Zip(change, (a, b) => a - b).ToArray())];
        rollout.SetAll(TokenValue.Advantage, advantages);
        double expected = -changes.Select((row, i) => advantages[i] * row.Sum(
            change => Math.Exp(isOfCompletions ? row.Average() : change))).Sum() / 6;
        Assert.Equal(expected, Loss(options, rollout), 4);
    }

    // Log-probabilities of policy and reference are over the same tokens.
    [Fact]
    public void A_network_with_more_tokens_than_its_tokenizer_begins_as_its_reference()
    {
        Assert.True(_padded.Value.Codec.VocabularySize < 64);
        var reports = new Reports();
        DpoOptions dpo = TinyAlignment.Dpo();
        (dpo.BaseModel, dpo.MaxSteps, dpo.Progress) = (_padded.Value, 1, reports);
        _ml.Transforms.Generative().Dpo(dpo).Fit(TinyAlignment.Pairs(_ml)).Dispose();
        Assert.Equal(Math.Log(2), reports.All[^1].Loss, 5);
        Assert.Equal(0, reports.All[^1].LossTerms["reward margin"], 5);
        Assert.Equal(0, reports.All[^1].LossTerms["chosen reward"], 5);

        KtoOptions kto = TinyAlignment.Kto();
        (kto.BaseModel, kto.MaxSteps, kto.Progress) = (_padded.Value, 1, reports);
        _ml.Transforms.Generative().Kto(kto).Fit(TinyAlignment.Judged(_ml)).Dispose();
        Assert.Equal(0.5, reports.All[^1].Loss, 4);
        Assert.Equal(0, reports.All[^1].LossTerms["signed reward"], 5);

        RlooOptions rloo = TinyAlignment.Rloo();
        (rloo.BaseModel, rloo.MaxSteps, rloo.Progress) = (_padded.Value, 1, reports);
        _ml.Transforms.Generative().Rloo(rloo).Fit(TinyAlignment.Prompts(_ml)).Dispose();
        Assert.Equal(1, reports.All[^1].LossTerms["ratio"], 5);
        Assert.Equal(0, reports.All[^1].LossTerms["kl"], 4);
    }

    [Fact]
    public void IPO_takes_the_mean_over_the_tokens()
    {
        var reports = new Reports();
        DpoOptions options = TinyAlignment.Dpo();
        (options.Loss, options.IsReferenceFree, options.Beta, options.BatchSize) = (DpoLoss.Ipo, true, 0.1, 18);
        (options.MaxSteps, options.Progress) = (1, reports);
        _ml.Transforms.Generative().Dpo(options).Fit(TinyAlignment.Pairs(_ml)).Dispose();
        double expected = TinyAlignment.Preferences.Average(
            p => Math.Pow(Mean(p.Prompt, p.Chosen) - Mean(p.Prompt, p.Rejected) - 1 / (2 * 0.1), 2));
        Assert.Equal(expected, reports.All[0].Loss, 3);

        static double Mean(string prompt, string completion)
        {
            (int[] ids, int promptTokens) = _model.Codec.EncodeExample(prompt, completion);
            return TinyAlignment.LogProbability(_model, prompt, completion) / (ids.Length - promptTokens);
        }
    }

    [Fact]
    public void Mismatched_completions_of_KTO_are_those_of_the_row_before()
    {
        string[] prompts = ["the cat ", "a dog sees ", "my "], completions = ["corn.", "a fish.", "hat."];
        IDataView data = _ml.Data.LoadFromEnumerable(
            prompts.Zip(completions, (prompt, text) => new JudgedRow { Prompt = prompt, Text = text, Label = true }));
        using DisposeScope scope = NewDisposeScope();
        KtoOptions options = TinyAlignment.Kto();
        using TrainingRun run = TrainingRun.Open(_ml, Hosts.Create(_ml), options);
        var reference = new ReferenceModel(_model, 1, _model.Codec.VocabularySize);
        IBatchSource batches = KtoData.Read(run, data, options.Columns, _model.Codec, 24, long.MaxValue).Batches(run, reference, 3, null);
        batches.StartEpoch(0);
        TensorBatch batch = batches.Next();
        for (int row = 0; row < 3; row++)
        {
            // The end of each text is learned; it is the last target.
            (int[] ids, int promptTokens) = _model.Codec.EncodeExample(prompts[row], completions[(row + 2) % 3]);
            Assert.Equal(_model.Codec.End, ids[^1]);
            Assert.Equal(ids[..^1].Select(id => (long)id), TensorMemory.ToArray<long>(batch[3][row]).Take(ids.Length - 1));
            long[] targets = TensorMemory.ToArray<long>(batch[4][row]);
            Assert.Equal(ids[promptTokens..].Select(id => (long)id), targets.Where(target => target != LanguageModelNetwork.NoTarget));
        }
    }

    [Fact]
    public void An_empty_completion_is_the_token_that_ends_it()
    {
        TextCodec codec = _model.Codec;
        (int[] ids, int promptTokens) = codec.EncodeExample("the cat", "");
        Assert.Equal([.. codec.EncodePrompt("the cat"), codec.End!.Value], ids);
        Assert.Equal(ids.Length - 1, promptTokens);
    }

    [Fact]
    public void Each_figure_that_says_something_is_wrong_is_told_once_with_the_options_that_help()
    {
        MLContext ml = new(seed: 1);
        List<string> log = Logs.Of(ml);
        var watch = new AlignmentWatch(Hosts.Create(ml));
        watch.CheckRollout(1, kl: 20, truncated: 0.4, flatGroups: 0.9);
        watch.CheckStep(1, ratio: 1.2, entropy: 0.5);
        watch.CheckChosen(1, -1, -3);
        Assert.DoesNotContain(log, line => line.Contains("Lower") || line.Contains("aise"));

        for (int i = 2; i < 4; i++)
        {
            watch.CheckRollout(i, kl: 80, truncated: 0.9, flatGroups: 1);
            watch.CheckStep(i, ratio: 3, entropy: 0.001);
            watch.CheckChosen(i, -9, -20);
        }

        Told("80 nats from the reference", "KlCoefficient", "SamplePrompt", "LearningRate");
        Told("did not end", "MaxTokens", "MissingEndPenalty");
        Told("the same score", "Temperature", "GroupSize");
        Told("3 times the probability", "LearningRate", "RolloutEpochs");
        Told("entropy of the policy is 0.001", "KlCoefficient", "LearningRate");
        Told("the reward of the chosen texts is -9", "LearningRate", "Beta", "LanguageModel");

        void Told(string what, params string[] options)
        {
            string line = Assert.Single(log, line => line.Contains(what));
            Assert.All(options, option => Assert.Contains(option, line));
        }
    }

    // With the factor of Ziegler et al., 64 completions of a horizon of 1 made the coefficient negative.
    [Fact]
    public void The_coefficient_of_KL_stays_above_0_however_short_its_horizon_is()
    {
        var reports = new Reports();
        PpoOptions options = TinyAlignment.Ppo();
        (options.KlTarget, options.KlHorizon, options.KlCoefficient, options.Epochs, options.Progress) = (1000, 1, 0.1, 4, reports);
        _ml.Transforms.Generative().Ppo(options).Fit(TinyAlignment.Prompts(_ml)).Dispose();
        double[] all = [.. reports.All.Select(report => report.RecentLossTerms["kl coefficient"])];
        Assert.All(all, coefficient => Assert.InRange(coefficient, 1e-9, 0.1001));
        // From one roll-out to the next by a fifth.
        Assert.Equal(0.1 * Math.Pow(0.8, 7), all.Min(), 4);
    }

    [Fact]
    public void Rewards_of_one_name_are_reported_apart()
    {
        var reports = new Reports();
        GrpoOptions options = TinyAlignment.Grpo();
        (options.MaxSteps, options.Progress) = (1, reports);
        options.Rewards = [.. new[] { 3, 5, 7 }.Select(score => TextReward.FromFunction((_, _) => score))];
        _ml.Transforms.Generative().Grpo(options).Fit(TinyAlignment.Prompts(_ml)).Dispose();
        IReadOnlyDictionary<string, double> terms = reports.All[0].LossTerms;
        Assert.Equal((3.0, 5.0, 7.0), (terms["reward reward"], terms["reward reward 2"], terms["reward reward 3"]));
        Assert.Equal(15, terms["score"], 5);
    }

    [Fact]
    public void A_prompt_for_samples_that_cannot_be_encoded_is_named_before_the_training()
    {
        foreach (string family in (string[])["Dpo", "Kto", "Grpo", "Rloo", "Ppo"])
        {
            IEstimator<ITransformer> estimator = TextFamilies.Create(_ml, family, o => ((AlignmentOptions)o).SamplePrompt = "ÄÖÜ");
            Assert.StartsWith("SamplePrompt cannot be used. ", Assert.ThrowsAny<ArgumentException>(
                () => estimator.Fit(TextFamilies.Data(_ml))).Message);
        }
    }

    [Fact]
    public void A_model_of_a_reward_that_drops_rows_is_refused()
    {
        TextReward reward = TextReward.FromTransformer(new FirstRow(), "Text", "Length", name: "short");
        Assert.Contains("The reward 'short' has 1 scores for 2 completions", Assert.Throws<InvalidOperationException>(
            () => reward.Score(Hosts.Create(_ml), [new("a", "b", 1), new("c", "d", 1)])).Message);
    }

    [Fact]
    public void The_defaults_of_image_rewards_are_those_of_ddpo_pytorch()
    {
        var options = new DiffusionRewardOptions();
        Assert.Equal((50, 1e-4, 5.0), (options.Steps, options.ClipRange, options.AdvantageClip));
        Assert.Equal(16, options.ClassStatisticsSize);
    }

    // Three completions of 3, 1 and 2 tokens behind prompts of 1, 4 and 2.
    private static Rollout Unequal() => new([[5, 1, 2, 3], [4, 3, 2, 1, 6], [1, 2, 3, 4]], [1, 4, 2], [true, true, true])
    {
        Figures = [("score", 0)],
    };

    private static float[][] LogProbabilities(Rollout rollout, int[] rows)
    {
        RolloutBatch batch = rollout.Batch(rows, CPU);
        Tensor values = TokenLogProbabilities.Of(_model.Network, batch.Sequences, batch.Targets, 1, _model.Codec.VocabularySize);
        return [.. rollout.Cut(rows, values)];
    }

    private static double Loss(GrpoOptions options, Rollout rollout)
    {
        var method = new GrpoMethod(_model.Network, options, _model.Codec.VocabularySize, new AlignmentWatch(Hosts.Create(_ml)));
        using var generator = new Generator(1);
        var context = new StepContext(1, 1, IsTraining: true, generator, CPU);
        return method.Losses(context, method.Batch(rollout, [0, 1, 2], CPU)).Total.ToDouble();
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    // A transformer may drop rows.
    private sealed class FirstRow : ITransformer
    {
        public bool IsRowToRowMapper => false;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => throw new NotSupportedException();

        public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => throw new NotSupportedException();

        public void Save(ModelSaveContext ctx) => throw new NotSupportedException();

        public IDataView Transform(IDataView input)
        {
            IDataView lengths = _ml.Transforms.CustomMapping<Unscored, Scored>((_, output) => output.Length = 1, null)
                .Fit(input).Transform(input);
            return _ml.Data.TakeRows(lengths, 1);
        }
    }

    private sealed class Unscored
    {
        public string Text { get; set; } = "";
    }

    private sealed class Scored
    {
        public float Length { get; set; }
    }
}
