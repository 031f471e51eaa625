using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Lets the policy complete prompts, and scores the completions.</summary>
internal sealed class RolloutPlayer(TrainingRun run, PolicyTraining policy, RolloutOptions options, AlignmentWatch watch)
{
    private readonly TextGenerationOptions _generation = new()
    {
        MaxTokens = options.MaxTokens,
        Temperature = options.Temperature,
        ContextOverflow = ContextOverflow.Error,
    };

    // Rewards of one name are told apart by numbers.
    private readonly string[] _rewardNames = [.. options.Rewards.Select((reward, i) =>
        options.Rewards.Take(i).Count(earlier => earlier.Name == reward.Name) is > 0 and var before
            ? $"reward {reward.Name} {before + 1}"
            : $"reward {reward.Name}")];

    /// <summary>Plays a roll-out.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="number">The number of the roll-out, from 1, for messages.</param>
    /// <param name="seed">What the choices of tokens depend on beside the policy.</param>
    /// <param name="method">Makes advantages of scores.</param>
    public Rollout Play(IReadOnlyList<Prompt> prompts, long number, long seed, RolloutMethod method)
    {
        PlayedTexts played = PlayTogether(prompts, seed, method);
        Rollout rollout = played.ToRollout(method.LearnsTruncated);
        float[] scores = played.Scores;
        double[] divergences = [.. rollout.LogRatios().Select(ratios => ratios.Sum(r => (double)r))];
        double truncated = played.HaveEnded.Count(hasEnded => !hasEnded) / (double)rollout.Count;
        rollout.Figures.AddRange(
        [
            ("score", Advantages.Mean(scores)), ("score std", Advantages.Spread(scores)), ("kl", divergences.Average()),
            ("length", played.Lengths.Average()), ("truncated", truncated),
        ]);
        if (options.Rewards.Count > 1)
            rollout.Figures.AddRange(_rewardNames.Select((name, i) => (name, Advantages.Mean(played.Rewards[i]))));
        method.Judge(rollout, scores);
        if (options.Completions > 1)
            rollout.Figures.Add(("flat groups", FlatGroups(scores)));
        watch.CheckRollout(number, divergences.Average(), truncated, options.Completions > 1 ? FlatGroups(scores) : 0);
        return rollout;
    }

    /// <summary>The scores of one completion of each prompt.</summary>
    public float[] Scores(IReadOnlyList<Prompt> prompts, long seed)
    {
        Reward(prompts, Complete(prompts, seed, first: 0), out float[] scores);
        return scores;
    }

    // Each of several processes completes its part of the prompts, and all know all completions afterwards.
    private PlayedTexts PlayTogether(IReadOnlyList<Prompt> prompts, long seed, RolloutMethod method)
    {
        if (run.Group is not { } group)
            return Play(prompts, 0, seed, method);
        int first = prompts.Count * group.Rank / group.Size, end = prompts.Count * (group.Rank + 1) / group.Size;
        PlayedTexts own = Play([.. prompts.Take(end).Skip(first)], first, seed, method);
        return PlayedTexts.Join([.. group.Gather("a roll-out", own.ToBytes()).Select(PlayedTexts.FromBytes)]);
    }

    private PlayedTexts Play(IReadOnlyList<Prompt> prompts, int first, long seed, RolloutMethod method)
    {
        Prompt[] each = [.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt, options.Completions))];
        GeneratedText[] texts = each.Length == 0 ? [] : Complete(each, seed, first * options.Completions);
        float[][] rewards = Reward(each, texts, out float[] scores);
        var played = new PlayedTexts(
            [.. texts.Select(text => text.Ids)], [.. each.Select(prompt => prompt.Tokens.Length)], [.. texts.Select(text => text.Tokens)],
            [.. texts.Select(text => text.End == GenerationEnd.Stop)], scores, rewards, []);
        using (run.Threads.Turn())
            Describe(played, method);
        return played;
    }

    // What a completion depends on beside the policy is its place among those of all prompts.
    private GeneratedText[] Complete(IReadOnlyList<Prompt> prompts, long seed, int first)
    {
        GenerationRequest[] requests =
            [.. prompts.Select((prompt, i) => new GenerationRequest(prompt.Tokens, SeedSequence.Derive(seed, first + i)))];
        int context = policy.Network.Architecture.ContextLength;
        var generator = new TextGenerator(
            policy.Codec, context, streams => LanguageModelSessions.Open(policy.Network, streams, context, run.Device));
        var lines = new TimedLines(run.Host, "Roll-out");
        using IDisposable turn = run.Threads.Turn();
        return WithoutDropout(() => generator.GenerateAll(requests, _generation, options.BatchSize, () =>
        {
            run.StopIfCancelled();
            lines.Write(() => $"completing {requests.Length:N0} prompts.");
        }));
    }

    // Code of users, which may take turns of its own.
    private float[][] Reward(IReadOnlyList<Prompt> prompts, GeneratedText[] texts, out float[] scores)
    {
        RolloutText[] all = [.. prompts.Zip(texts, (prompt, text) => new RolloutText(prompt.Text, text.Text, text.Tokens))];
        double[] sums = [.. texts.Select(text => text.End == GenerationEnd.Stop ? 0 : -options.MissingEndPenalty)];
        var each = new float[options.Rewards.Count][];
        for (int i = 0; i < each.Length; i++)
        {
            run.StopIfCancelled();
            double[] values = all.Length == 0 ? [] : options.Rewards[i].Score(run.Host, all);
            for (int row = 0; row < sums.Length; row++)
                sums[row] += options.Rewards[i].Weight * values[row];
            each[i] = Array.ConvertAll(values, value => (float)value);
        }

        scores = Array.ConvertAll(sums, sum => (float)sum);
        return each;
    }

    // In batches as those of the training, so that with unchanged weights its ratios are 1.
    private void Describe(PlayedTexts played, RolloutMethod method) => WithoutDropout(() =>
    {
        using IDisposable noGradient = torch.no_grad();
        Rollout rollout = played.ToRollout(method.LearnsTruncated);
        List<float[]> old = [], reference = [], expected = [];
        foreach (int[] rows in Enumerable.Range(0, rollout.Count).Chunk(options.BatchSize))
        {
            run.StopIfCancelled();
            using DisposeScope scope = torch.NewDisposeScope();
            RolloutBatch batch = rollout.Batch(rows, run.Device);
            (torch.Tensor logProbabilities, torch.Tensor? values) = method.Describe(batch);
            old.AddRange(rollout.Cut(rows, logProbabilities));
            reference.AddRange(rollout.Cut(rows, policy.Reference.LogProbabilities(batch.Sequences, batch.Targets)));
            if (values is not null)
                expected.AddRange(rollout.Cut(rows, values));
        }

        played.Values[TokenValue.Old] = [.. old];
        played.Values[TokenValue.Reference] = [.. reference];
        if (expected.Count > 0)
            played.Values[TokenValue.Value] = [.. expected];
        return true;
    });

    private T WithoutDropout<T>(Func<T> act)
    {
        bool isTraining = policy.Network.training;
        policy.Network.eval();
        try
        {
            return act();
        }
        finally
        {
            policy.Network.train(isTraining);
        }
    }

    private double FlatGroups(float[] scores)
    {
        float[][] groups = [.. scores.Chunk(options.Completions)];
        return groups.Count(group => group.Max() == group.Min()) / (double)groups.Length;
    }
}
