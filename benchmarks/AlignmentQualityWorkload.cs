using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// What alignment gains for its divergence: a small model of made reviews is pushed towards positive words by each method, with several
/// seeds. Mean reward and nats from the base model are those of completions that are sampled afterwards, ± standard error over the seeds.
/// Beside each method are the reward of best-of-n at the same divergence, and that of the optimum, π_ref·exp(reward / β), both computed
/// from samples of the base model. Prints a line of JSON for each method, and one for all.
/// </summary>
internal static class AlignmentQualityWorkload
{
    private const string Prompt = "review:";
    private const int Samples = 512;
    private const int BaseSamples = 8_192;
    private const int MaxTokens = 32;
    private const double RewardScale = 0.25;

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        using LanguageModelTransformer model = TrainBase(ml, settings);
        (string Text, double Reward, double Divergence)[] own = Sample(model, model, BaseSamples, seed: 77);
        double[] rewards = [.. own.Select(sample => sample.Reward)];
        double before = rewards.Average(), spread = Math.Sqrt(rewards.Average(r => (r - before) * (r - before)));
        (double Divergence, double Reward)[] best = [.. Enumerable.Range(0, 8).Select(i => BestOf(1 << i, rewards))];
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            method = "base model",
            reward = Math.Round(before, 3),
            standard_deviation = Math.Round(spread, 3),
            best_of_n = best.Select((b, i) => new { n = 1 << i, kl = Math.Round(b.Divergence, 3), reward = Math.Round(b.Reward, 3) }),
        }));

        Pair[] pairs = Pairs(own);
        (string Name, Func<int, LanguageModelTransformer> Train)[] methods =
        [
            ("ppo", seed => ml.Transforms.Generative().Ppo(Rollouts(model, settings, seed, new PpoOptions
            {
                RolloutPrompts = 64,
                BatchSize = 32,
                RolloutEpochs = 2,
                MaxSteps = 240,
            })).Fit(Rows(ml))),
            ("grpo", seed => ml.Transforms.Generative().Grpo(Rollouts(model, settings, seed, new GrpoOptions
            {
                RolloutPrompts = 4,
                GroupSize = 16,
                MaxSteps = 60,
            })).Fit(Rows(ml))),
            ("rloo", seed => ml.Transforms.Generative().Rloo(Rollouts(model, settings, seed, new RlooOptions
            {
                RolloutPrompts = 4,
                GroupSize = 16,
                MaxSteps = 60,
            })).Fit(Rows(ml))),
            ("dpo", seed => ml.Transforms.Generative().Dpo(Preferences(model, settings, seed, new DpoOptions
            {
                BatchSize = 32,
                Beta = 0.3,
                MaxSteps = 120,
            })).Fit(ml.Data.LoadFromEnumerable(pairs))),
            ("kto", seed => ml.Transforms.Generative().Kto(Preferences(model, settings, seed, new KtoOptions
            {
                CompletionColumnName = nameof(Pair.Chosen),
                BatchSize = 64,
                Beta = 0.3,
                MaxSteps = 120,
            })).Fit(ml.Data.LoadFromEnumerable(Judged(own)))),
        ];
        return new
        {
            workload = "alignment-quality",
            seeds = settings.Stream.Rounds,
            before = Math.Round(before, 3),
            methods = methods.Select(method => Measure(settings, method.Name, model, method.Train, rewards, best)).ToArray(),
        };
    }

    private static JsonNode Measure(
        BenchmarkSettings settings, string name, LanguageModelTransformer model, Func<int, LanguageModelTransformer> train,
        double[] rewards, (double Divergence, double Reward)[] best)
    {
        List<double> reward = [], divergence = [];
        List<string> texts = [];
        for (int seed = 1; seed <= settings.Stream.Rounds; seed++)
        {
            using LanguageModelTransformer trained = train(seed);
            (string Text, double Reward, double Divergence)[] samples = Sample(trained, model, Samples, seed);
            reward.Add(samples.Average(sample => sample.Reward));
            divergence.Add(samples.Average(sample => sample.Divergence));
            texts.Add(samples[0].Text);
        }

        JsonNode line = JsonSerializer.SerializeToNode(new
        {
            method = name,
            reward = Math.Round(reward.Average(), 3),
            reward_error = Rounded(Error(reward)),
            kl = Math.Round(divergence.Average(), 2),
            kl_error = Rounded(Error(divergence)),
            best_of_n_at_this_kl = Rounded(At(best, divergence.Average())),
            optimum_at_this_kl = Rounded(Optimum(rewards, divergence.Average())),
            texts,
        })!;
        Console.WriteLine(line.ToJsonString());
        return line;
    }

    // Of completions: the text, its reward, and log π − log π_ref.
    private static (string Text, double Reward, double Divergence)[] Sample(
        LanguageModelTransformer policy, LanguageModelTransformer reference, int count, int seed)
    {
        int context = policy.Architecture.ContextLength;
        int[] prompt = policy.Codec.EncodePrompt(Prompt);
        var generator = new TextGenerator(
            policy.Codec, context, streams => LanguageModelSessions.Open(policy.Network, streams, context, policy.Device));
        GenerationRequest[] requests =
            [.. Enumerable.Range(0, count).Select(i => new GenerationRequest(prompt, SeedSequence.Derive(seed, i)))];
        IReadOnlyList<GeneratedText> texts = generator.GenerateAll(
            requests, new TextGenerationOptions { MaxTokens = MaxTokens, ContextOverflow = ContextOverflow.Error }, 64, () => { });
        var found = new List<(string, double, double)>();
        foreach (GeneratedText[] part in texts.Chunk(128))
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            var corpus = new TokenCorpus(policy.Codec.VocabularySize, long.MaxValue);
            foreach (GeneratedText text in part)
                corpus.AddExample(text.Ids, prompt.Length);
            var batch = TokenBatches.Make(corpus, [.. corpus.Examples], policy.Device);
            float[] ratios = TensorMemory.ToArray<float>(LogProbabilities(policy).sub(LogProbabilities(reference)));
            found.AddRange(part.Select((text, i) => (text.Text, RewardOf(text.Text), (double)ratios[i])));

            torch.Tensor LogProbabilities(LanguageModelTransformer of) => TokenLogProbabilities.Of(
                of.Network, batch[0], batch[1], 1, of.Codec.VocabularySize).sum([1]);
        }

        return [.. found];
    }

    // KL(best of n ‖ model) is at most log n − (n − 1) / n, and that where no two texts have the same reward.
    private static (double Divergence, double Reward) BestOf(int n, double[] rewards)
    {
        double[] sorted = [.. rewards.Order()];
        // The i-th of N is the best of n with the probability (i / N)ⁿ − ((i − 1) / N)ⁿ.
        double reward = sorted.Select((r, i) =>
            r * (Math.Pow((i + 1.0) / sorted.Length, n) - Math.Pow((double)i / sorted.Length, n))).Sum();
        return (Math.Log(n) - (n - 1.0) / n, reward);
    }

    private static double? At((double Divergence, double Reward)[] curve, double divergence)
    {
        for (int i = 1; i < curve.Length; i++)
        {
            if (divergence <= curve[i].Divergence)
            {
                double part = (divergence - curve[i - 1].Divergence) / (curve[i].Divergence - curve[i - 1].Divergence);
                return curve[i - 1].Reward + Math.Max(0, part) * (curve[i].Reward - curve[i - 1].Reward);
            }
        }

        return null;
    }

    // The most reward for a divergence, that of π_ref·exp(reward / β): β by bisection. Samples say nothing of what is rarer than they are.
    private static double? Optimum(double[] rewards, double divergence)
    {
        if (divergence > Math.Log(rewards.Length) - 4)
            return null;
        (double low, double high) = (1e-3, 1e3);
        for (int i = 0; i < 60; i++)
        {
            double middle = Math.Sqrt(low * high);
            (low, high) = Tilted(middle).Divergence > divergence ? (middle, high) : (low, middle);
        }

        return Tilted(low).Reward;

        (double Divergence, double Reward) Tilted(double beta)
        {
            double most = rewards.Max();
            double[] weights = [.. rewards.Select(r => Math.Exp((r - most) / beta))];
            double mean = weights.Average(), reward = rewards.Zip(weights, (r, w) => r * w).Sum() / weights.Sum();
            return ((reward - most) / beta - Math.Log(mean), reward);
        }
    }

    private static double RewardOf(string text) => RewardScale * MadeReviews.Valence(text);

    private static double? Error(List<double> values)
    {
        double mean = values.Average();
        return values.Count < 2
            ? null
            : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1) / values.Count);
    }

    private static double? Rounded(double? value) => value is { } number ? Math.Round(number, 3) : null;

    private static T Rollouts<T>(LanguageModelTransformer model, BenchmarkSettings settings, int seed, T options)
        where T : RolloutOptions
    {
        options.BaseModel = model;
        options.Rewards = [TextReward.FromFunction((_, completion) => RewardOf(completion))];
        (options.MaxTokens, options.KlCoefficient, options.MissingEndPenalty) = (MaxTokens, 0.3, 1);
        return Preferences(model, settings, seed, options);
    }

    private static T Preferences<T>(LanguageModelTransformer model, BenchmarkSettings settings, int seed, T options)
        where T : AlignmentOptions
    {
        (options.BaseModel, options.Seed, options.Threads, options.LearningRate) = (model, seed, settings.Threads, 1e-3);
        return options;
    }

    private static IDataView Rows(MLContext ml) =>
        ml.Data.LoadFromEnumerable(Enumerable.Repeat(new Pair { Prompt = Prompt }, 64));

    // Neighbors, the better one chosen.
    private static Pair[] Pairs((string Text, double Reward, double Divergence)[] samples) =>
    [
        .. samples.Take(4_096).Chunk(2).Where(two => two[0].Reward != two[1].Reward).Select(two => new Pair
        {
            Prompt = Prompt,
            Chosen = two.MaxBy(sample => sample.Reward).Text,
            Rejected = two.MinBy(sample => sample.Reward).Text,
        }),
    ];

    private static Pair[] Judged((string Text, double Reward, double Divergence)[] samples) =>
        [.. samples.Take(4_096).Select(s => new Pair { Prompt = Prompt, Chosen = s.Text, Label = s.Reward > 0 })];

    private static LanguageModelTransformer TrainBase(MLContext ml, BenchmarkSettings settings)
    {
        string[] texts = [.. MadeReviews.Write(4_000, seed: 1).Select(text => $"{Prompt} {text}")];
        return ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            InputColumnName = nameof(Pair.Chosen),
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 4, EmbeddingSize = 64, ContextLength = 48 },
            Tokenizer = GenerativeTokenizers.TrainBytePairEncoding(texts, 400),
            BatchSize = 32,
            MaxSteps = 400,
            LearningRate = 3e-3,
            Seed = 1,
            Precision = ComputePrecision.Float32,
            Threads = settings.Threads,
        }).Fit(ml.Data.LoadFromEnumerable(texts.Select(text => new Pair { Chosen = text })));
    }

    private sealed class Pair
    {
        public string Prompt { get; set; } = "";

        public string Chosen { get; set; } = "";

        public string Rejected { get; set; } = "";

        public bool Label { get; set; }
    }
}
