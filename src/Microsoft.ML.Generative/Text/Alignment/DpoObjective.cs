using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Direct preference optimization (Rafailov et al. 2023).</summary>
internal sealed class DpoObjective(LanguageModelNetwork network, DpoOptions options, AlignmentWatch watch)
{
    private bool UsesMeans => options.Loss == DpoLoss.Ipo;

    /// <summary>
    /// The losses of a batch of sequences and targets [pairs, 2, time] and log-probabilities of the reference [pairs, 2]; the better text
    /// is the first of a pair.
    /// </summary>
    public Losses Losses(StepContext context, TensorBatch batch)
    {
        Tensor targets = batch[1].flatten(0, 1); // [pairs · 2, time]
        Tensor tokens = TokenLogProbabilities.Of(network, batch[0].flatten(0, 1), targets, 1, network.Architecture.VocabularySize);
        Tensor ratios = OfSequences(tokens, targets).view(-1, 2).sub(batch[2]); // [pairs, 2]
        Tensor chosen = ratios.select(1, 0), rejected = ratios.select(1, 1); // [pairs]
        Tensor loss = PreferenceLosses.Dpo(chosen.sub(rejected), options.Loss, options.Beta, options.LabelSmoothing).mean();

        using IDisposable noGradient = no_grad();
        Tensor chosenReward = chosen.detach().mean().Times(options.Beta), rejectedReward = rejected.detach().mean().Times(options.Beta);
        if (context.IsTraining)
            watch.CheckChosen(context.Step, chosenReward.ToDouble(), rejectedReward.ToDouble());
        return new Losses(
            loss,
            ("reward margin", chosenReward.sub(rejectedReward)),
            ("reward accuracy", chosen.gt(rejected).to(ScalarType.Float32).mean()),
            ("chosen reward", chosenReward),
            ("rejected reward", rejectedReward));
    }

    /// <summary>Batches of pairs.</summary>
    /// <param name="run">Device, and when to stop.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="reference">The reference, whose log-probabilities are computed once.</param>
    /// <param name="shuffleSeed">The seed of the order, or <see langword="null"/> for the pairs' own.</param>
    /// <param name="group">The processes that compute the reference's log-probabilities together.</param>
    public IBatchSource Batches(
        TrainingRun run, PreferencePairs pairs, ReferenceModel reference, long? shuffleSeed, ProcessGroup? group)
    {
        float[]? known = null;
        return new IndexBatches(
            pairs.Count, options.BatchSize, shuffleSeed, () => $"{pairs.Fingerprint} {reference.Fingerprint}", chosen =>
            {
                known ??= options.IsReferenceFree ? new float[2 * pairs.Count] : OfReference(run, pairs, reference, group);
                TensorBatch tokens = TokenBatches.Make(pairs.Corpus, pairs.SpansOf(chosen), run.Device);
                float[] ofBatch = [.. chosen.SelectMany(pair => known.Skip(2 * (int)pair).Take(2))];
                return new TensorBatch(
                    chosen.Length, tokens[0].view(chosen.Length, 2, -1), tokens[1].view(chosen.Length, 2, -1),
                    tensor(ofBatch, [chosen.Length, 2], device: run.Device))
                {
                    Samples = tokens.Weight,
                };
            });
    }

    // Of all pairs in their order, so that a training that resumes has the same numbers.
    private float[] OfReference(TrainingRun run, PreferencePairs pairs, ReferenceModel reference, ProcessGroup? group)
    {
        float[] values = new float[2 * pairs.Count];
        var lines = new TimedLines(run.Host, "Scoring by the reference");
        foreach ((int i, long[] chosen) in Enumerable.Range(0, pairs.Count).Select(pair => (long)pair).Chunk(options.BatchSize).Index())
        {
            if (group is not null && i % group.Size != group.Rank)
                continue;
            run.StopIfCancelled();
            lines.Write(chosen[0], pairs.Count, "pairs");
            using DisposeScope scope = NewDisposeScope();
            using IDisposable turn = run.Threads.Turn();
            TensorBatch tokens = TokenBatches.Make(pairs.Corpus, pairs.SpansOf(chosen), run.Device);
            TensorMemory.ToArray<float>(OfSequences(reference.LogProbabilities(tokens[0], tokens[1]), tokens[1]))
                .CopyTo(values, 2 * (int)chosen[0]);
        }

        if (group is null)
            return values;
        // Each is of one process, and the others add 0 to it.
        using Tensor all = tensor(values);
        group.Sum("the log-probabilities of the reference", [all], 1);
        return TensorMemory.ToArray<float>(all);
    }

    // The sum, or mean, over the targets of each sequence, [rows].
    private Tensor OfSequences(Tensor tokens, Tensor targets)
    {
        Tensor sums = tokens.sum(1);
        return UsesMeans
            ? sums.div(targets.EqualTo(LanguageModelNetwork.NoTarget).logical_not().sum(1).to(ScalarType.Float32).AtLeast(1))
            : sums;
    }
}
