using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Kahneman–Tversky optimization (Ethayarajh et al. 2024), on batches of <see cref="KtoData"/>.</summary>
internal sealed class KtoObjective(LanguageModelNetwork network, KtoOptions options)
{
    private double _kl;

    /// <summary>Computes the reference point of a step from all of its batches.</summary>
    public void BeginStep(StepContext context, IReadOnlyList<StepBatch> batches) =>
        MeasureReference(batches.Select(b => b.Batch).OfType<TensorBatch>());

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

    private Tensor MismatchedLogRatios(TensorBatch batch)
    {
        using IDisposable noGradient = no_grad();
        return LogRatios(batch[3], batch[4]).sub(batch[6]);
    }

    private Tensor LogRatios(Tensor sequences, Tensor targets) =>
        TokenLogProbabilities.Of(network, sequences, targets, 1, network.Architecture.VocabularySize).sum(1);
}
