using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module08;

/// <summary>A language model of reviews that is pushed towards positive words, by rewards and by preferences.</summary>
internal static class TextSection
{
    private const int MaxTokens = 32;
    private const double MissingEndPenalty = 1;

    /// <summary>A trained policy.</summary>
    /// <param name="Name">How it was trained.</param>
    /// <param name="Reward">The mean reward of its reviews.</param>
    /// <param name="Kl">Nats by which they diverge from the base model.</param>
    /// <param name="Positive">How probable the classifier takes it that they are positive, on average.</param>
    /// <param name="Text">One of them.</param>
    public sealed record Line(string Name, double Reward, double Kl, double Positive, string Text);

    /// <param name="Lines">The trained policies.</param>
    /// <param name="BestOfN">The best of 1, 2, 4 and so on.</param>
    /// <param name="AtEqualKl">The reward of each method at the divergence of the last of them, where it went that far.</param>
    public sealed record Result(
        IReadOnlyList<Line> Lines, IReadOnlyList<(double Kl, double Reward)> BestOfN,
        IReadOnlyList<(string Name, double? Reward)> AtEqualKl);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. Texts and a reward: kind reviews");
        string[] reviews = [.. MadeReviews.Write(lesson.Quick ? 500 : 4_000, seed: 1)];
        IReadOnlyDictionary<string, int> lexicon = Lexicon(lesson);
        using LanguageModelTransformer model = TrainModel(lesson, reviews);

        // An ordinary pipeline of ML.NET: words, and a logistic regression over them.
        IDataView labeled = lesson.ML.Data.LoadFromEnumerable(
            reviews.Select(text => new Review { Text = text, Label = MadeReviews.Valence(text, lexicon) > 0 }));
        var pipeline = lesson.ML.Transforms.Text.FeaturizeText("Features", "Text")
            .Append(lesson.ML.BinaryClassification.Trainers.SdcaLogisticRegression());
        var classifier = pipeline.Fit(labeled);
        TextReward words = TextReward.FromFunction((prompt, completion) => 0.25 * MadeReviews.Valence(completion, lexicon));
        TextReward opinion = TextReward.FromTransformer(classifier, "Text", "Probability", weight: 3, name: "opinion");

        string[] own = Sample(lesson, model, lesson.Quick ? 64 : 2_048, seed: 5);
        double[] rewards = [.. own.Select(RewardOf)];
        (double Kl, double Reward)[] best = [.. Enumerable.Range(0, 6).Select(i => BestOf(1 << i, rewards))];
        List<Line> lines = [Measure("before", model, kl: 0)];
        var curves = new Chart("Reward of the roll-outs", "roll-out", "reward");
        var divergences = new Chart("Divergence from the base model", "roll-out", "nats per review");
        var frontier = new Chart("Reward for its divergence", "nats per review", "reward").Line("best of n", best);
        double equalKl = best[^1].Kl;
        List<(string Name, double? Reward)> atEqualKl = [($"best of {1 << (best.Length - 1)}", best[^1].Reward)];

        Learn("GRPO", Grpo(lesson, model, words, klCoefficient: 0.3));
        Learn("PPO", Ppo(lesson, model, words));
        Learn("GRPO without KL", Grpo(lesson, model, words, klCoefficient: 0));
        Learn("GRPO, classifier", Grpo(lesson, model, opinion, klCoefficient: 0.3));
        // From the base model on, the later it is stopped, the farther.
        List<Line> ofDpo = [lines[0]];
        foreach (int steps in lesson.Quick ? (int[])[1, 3] : [5, 10, 20, 40, 120])
        {
            using LanguageModelTransformer dpo = Dpo(lesson, model, own, RewardOf, steps, out double kl);
            ofDpo.Add(Measure("DPO", dpo, kl));
        }

        lines.Add(ofDpo[^1]);
        (double Kl, double Reward)[] stopped = [.. ofDpo.Select(line => (line.Kl, line.Reward))];
        frontier.Line("DPO, stopped early", stopped).Save(lesson.Output.File("text-frontier.png", "reward by divergence"));
        atEqualKl.Add(("DPO", Between(stopped, equalKl)));
        Chart.SavePanels(lesson.Output.File("text-reward.png", "reward and divergence of the policies of texts"), [curves, divergences]);
        foreach (Line line in lines)
            Console.WriteLine($"{line.Name,-18} reward {line.Reward,5:F2}, KL {line.Kl,5:F2}, positive {line.Positive,4:P0}: {line.Text}");
        Console.WriteLine($"Reward at {equalKl:F1} nats: " + string.Join(", ", atEqualKl.Select(
            method => $"{method.Name} {(method.Reward is { } reward ? $"{reward:F2}" : "–")}")));
        return new Result(lines, best, atEqualKl);

        double RewardOf(string text) => 0.25 * MadeReviews.Valence(text, lexicon);

        void Learn(string name, (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) trained)
        {
            using LanguageModelTransformer policy = trained.Model;
            // A roll-out is reported by each of its steps.
            TrainingProgress[] rollouts = [.. trained.History.DistinctBy(p => p.LossTerms["score"])];
            curves.Line(name, Term(rollouts, "score"));
            divergences.Line(name, Term(rollouts, "kl"));
            if (name is "GRPO" or "PPO")
            {
                // The reward alone, without the penalty of reviews that do not end.
                (double Kl, double Reward)[] curve = [.. rollouts.Select(p => (
                    p.RecentLossTerms["kl"], p.RecentLossTerms["score"] + MissingEndPenalty * p.RecentLossTerms["truncated"]))];
                frontier.Line(name, curve);
                atEqualKl.Add((name, Near(curve, equalKl)));
            }

            lines.Add(Measure(name, policy, rollouts[^1].RecentLossTerms["kl"]));
        }

        Line Measure(string name, LanguageModelTransformer policy, double kl)
        {
            string[] texts = Sample(lesson, policy, MeasuredReviews(lesson), seed: 9);
            IEnumerable<float> positive = classifier.Transform(TextData.Rows(lesson.ML, texts)).GetColumn<float>("Probability");
            return new Line(name, texts.Average(RewardOf), kl, positive.Average(), texts[0]);
        }
    }

    // A roll-out has 64 reviews: the mean of those that are within half a nat.
    private static double? Near((double Kl, double Reward)[] curve, double kl)
    {
        double[] near = [.. curve.Where(p => Math.Abs(p.Kl - kl) < 0.5).Select(p => p.Reward)];
        return near.Length == 0 ? null : near.Average();
    }

    // On the straight line between the points before and behind.
    private static double? Between((double Kl, double Reward)[] curve, double kl)
    {
        for (int i = 1; i < curve.Length; i++)
        {
            (double from, double to) = (curve[i - 1].Kl, curve[i].Kl);
            if (from <= kl && kl < to)
                return curve[i - 1].Reward + (kl - from) / (to - from) * (curve[i].Reward - curve[i - 1].Reward);
        }

        return null;
    }

    private static int MeasuredReviews(Lesson lesson) => lesson.Quick ? 16 : 256;

    private static IReadOnlyList<(double X, double Y)> Term(TrainingProgress[] rollouts, string name) =>
        [.. rollouts.Select((p, i) => ((double)i, p.RecentLossTerms[name]))];

    // The lexicon AFINN (Nielsen 2011) where its file is, else a few words of our own.
    private static IReadOnlyDictionary<string, int> Lexicon(Lesson lesson)
    {
        string path = Path.Combine(lesson.ML.Generative().DataDirectory, "afinn", "AFINN-165.tsv");
        if (!File.Exists(path))
            return MadeReviews.Valences;
        return File.ReadLines(path).Select(line => line.Split('\t')).ToDictionary(parts => parts[0], parts => int.Parse(parts[1]));
    }

    private static LanguageModelTransformer TrainModel(Lesson lesson, string[] reviews)
    {
        using var progress = new ConsoleProgress("reviews");
        return lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = lesson.Quick ? 1 : 2,
                Heads = 4,
                EmbeddingSize = lesson.Quick ? 32 : 64,
                ContextLength = 48,
            },
            Tokenizer = GenerativeTokenizers.TrainBytePairEncoding(reviews, 400),
            BatchSize = 32,
            MaxSteps = lesson.Quick ? 60 : 400,
            LearningRate = 3e-3,
            Seed = 1,
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(TextData.Rows(lesson.ML, reviews));
    }

    private static (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) Grpo(
        Lesson lesson, LanguageModelTransformer model, TextReward reward, double klCoefficient)
    {
        using var progress = new ConsoleProgress($"GRPO, β {klCoefficient}");
        LanguageModelTransformer policy = lesson.ML.Transforms.Generative().Grpo(new GrpoOptions
        {
            BaseModel = model,
            Rewards = [reward],
            KlCoefficient = klCoefficient,
            RolloutPrompts = lesson.Quick ? 1 : 4,
            GroupSize = 16,
            BatchSize = lesson.Quick ? 16 : 64,
            MaxTokens = MaxTokens,
            MissingEndPenalty = MissingEndPenalty,
            MaxSteps = lesson.Quick ? 3 : 60,
            LearningRate = 1e-3,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(Prompts(lesson));
        return (policy, progress.History);
    }

    private static (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) Ppo(
        Lesson lesson, LanguageModelTransformer model, TextReward reward)
    {
        using var progress = new ConsoleProgress("PPO");
        LanguageModelTransformer policy = lesson.ML.Transforms.Generative().Ppo(new PpoOptions
        {
            BaseModel = model,
            Rewards = [reward],
            KlCoefficient = 0.3,
            RolloutPrompts = lesson.Quick ? 16 : 64,
            RolloutEpochs = 2,
            BatchSize = lesson.Quick ? 16 : 32,
            MaxTokens = MaxTokens,
            MissingEndPenalty = MissingEndPenalty,
            MaxSteps = lesson.Quick ? 4 : 240,
            LearningRate = 1e-3,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(Prompts(lesson));
        return (policy, progress.History);
    }

    // Of each two reviews of the base model, the better one by the same reward.
    private static LanguageModelTransformer Dpo(
        Lesson lesson, LanguageModelTransformer model, string[] texts, Func<string, double> reward, int steps, out double kl)
    {
        using var progress = new ConsoleProgress($"DPO, {steps} steps");
        Preference[] pairs =
        [
            .. texts.Chunk(2).Where(two => reward(two[0]) != reward(two[1]))
                .Select(two => new Preference { Chosen = two.MaxBy(reward)!, Rejected = two.MinBy(reward)! }),
        ];
        LanguageModelTransformer policy = lesson.ML.Transforms.Generative().Dpo(new DpoOptions
        {
            BaseModel = model,
            Beta = 0.3,
            BatchSize = lesson.Quick ? 8 : 32,
            MaxSteps = steps,
            LearningRate = 1e-3,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.ML.Data.LoadFromEnumerable(pairs));

        // KL(π ‖ π_ref) is the mean of log π − log π_ref over reviews of π.
        IDataView own = TextData.Rows(lesson.ML, Sample(lesson, policy, MeasuredReviews(lesson), seed: 11));
        kl = NatsPerReview(model) - NatsPerReview(policy);
        return policy;

        double NatsPerReview(LanguageModelTransformer of)
        {
            LanguageModelMetrics metrics = lesson.ML.Generative().EvaluateLanguageModel(of, own);
            return metrics.NegativeLogLikelihood * metrics.Tokens / MeasuredReviews(lesson);
        }
    }

    private static string[] Sample(Lesson lesson, LanguageModelTransformer policy, int count, int seed)
    {
        IDataView texts = policy.Generate(count, new TextGenerationOptions
        {
            MaxTokens = MaxTokens,
            Seed = seed,
        });
        return [.. texts.GetColumn<string>(texts.Schema[0])];
    }

    // The i-th of N samples is the best of n with the probability (i / N)ⁿ − ((i − 1) / N)ⁿ; it is at most log n − (n − 1) / n away.
    private static (double Kl, double Reward) BestOf(int n, double[] rewards)
    {
        double[] sorted = [.. rewards.Order()];
        double reward = sorted.Select((r, i) =>
            r * (Math.Pow((i + 1.0) / sorted.Length, n) - Math.Pow((double)i / sorted.Length, n))).Sum();
        return (Math.Log(n) - (n - 1.0) / n, reward);
    }

    // Reviews have no prompt: each begins with nothing.
    private static IDataView Prompts(Lesson lesson) =>
        lesson.ML.Data.LoadFromEnumerable(Enumerable.Repeat(new Preference(), 64));

    private sealed class Review
    {
        public string Text { get; set; } = "";

        public bool Label { get; set; }
    }

    private sealed class Preference
    {
        public string Prompt { get; set; } = "";

        public string Chosen { get; set; } = "";

        public string Rejected { get; set; } = "";
    }
}
