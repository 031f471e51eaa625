using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Kahneman–Tversky optimization (Ethayarajh et al. 2024), on batches of <see cref="KtoData"/>.</summary>
/// <param name="network">The policy.</param>
/// <param name="options">The options.</param>
/// <param name="group">The processes of the training, if it has several.</param>
internal sealed class KtoObjective(LanguageModelNetwork network, KtoOptions options, ProcessGroup? group)
{
    private double _kl;

    /// <summary>Computes the reference point of a step from all of its batches.</summary>
    public void BeginStep(StepContext context, IReadOnlyList<StepBatch> batches)
    {
        TensorBatch[] own = [.. batches.Where(b => b.IsOwn).Select(b => b.Batch!.Value)];
        if (group is null)
            MeasureReference(own);
        else
            MeasureReference(own, group);
    }

    public Losses Losses(StepContext context, TensorBatch batch)
    {
        if (!context.IsTraining)
            MeasureReference([batch]);
        Tensor ratios = LogRatios(batch[0], batch[1]).sub(batch[5]); // [rows]
        using Tensor kl = TensorFactory.Constant([1], _kl, ScalarType.Float32, context.Device);
        Tensor loss = PreferenceLosses.Kto(
            ratios, batch[2], kl, options.Beta, options.DesirableWeight, options.UndesirableWeight).mean();

        using IDisposable noGradient = no_grad();
        Tensor sign = batch[2].Times(2).Plus(-1); // 1 or −1
        Tensor isRight = ratios.detach().sub(kl).mul(sign).GreaterThan(0).to(ScalarType.Float32);
        return new Losses(
            loss, ("kl", kl.mean()), ("signed reward", ratios.detach().mul(sign).mean().Times(options.Beta)),
            ("reward accuracy", isRight.mean()));
    }

    private void MeasureReference(IEnumerable<TensorBatch> batches)
    {
        using DisposeScope scope = NewDisposeScope();
        _kl = PreferenceLosses.KtoReference(cat([.. batches.Select(MismatchedLogRatios)])).ToDouble();
    }

    private void MeasureReference(TensorBatch[] own, ProcessGroup group)
    {
        using DisposeScope scope = NewDisposeScope();
        double sum = own.Sum(batch => MismatchedLogRatios(batch).sum().ToDouble());
        double[] ofAll = group.Sum("the reference point", sum, own.Sum(batch => (double)batch.Rows));
        _kl = Math.Max(0, ofAll[0] / ofAll[1]);
    }

    private Tensor MismatchedLogRatios(TensorBatch batch)
    {
        using IDisposable noGradient = no_grad();
        return LogRatios(batch[3], batch[4]).sub(batch[6]);
    }

    private Tensor LogRatios(Tensor sequences, Tensor targets) =>
        TokenLogProbabilities.Of(network, sequences, targets, 1, network.Architecture.VocabularySize).sum(1);
}
