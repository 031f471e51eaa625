using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Alignment;

/// <summary>
/// The loss of denoising diffusion policy optimization with importance sampling (Black et al. 2023, eq. 5, DDPO_IS), clipped as in proximal
/// policy optimization (Schulman et al. 2017).
/// </summary>
/// <param name="run">The training.</param>
/// <param name="definition">The model.</param>
/// <param name="policy">The policy that learns.</param>
/// <param name="reference">The base model's policy, where the divergence from it counts.</param>
/// <param name="rollouts">Where the batches come from.</param>
internal sealed class DiffusionRewardObjective(
    TrainingRun run, DiffusionDefinition definition, DenoisingPolicy policy, DenoisingPolicy? reference, DenoisingRollouts rollouts)
{
    private const int RolloutColumns = 5;

    private readonly DiffusionRewardOptions _options = (DiffusionRewardOptions)run.Options;

    public Losses Losses(StepContext step, TensorBatch batch) => step.IsTraining ? LossesOf(batch) : Score(step, batch);

    private Losses LossesOf(TensorBatch batch)
    {
        ConditionValues conditions = definition.Conditions.Encode(batch.Columns, RolloutColumns);
        (Tensor mean, Tensor deviation) = policy.Step(batch[0], batch[2], conditions);
        PolicyLoss loss = PolicyLoss.Of(
            DenoisingPolicy.LogDensity(batch[1], mean, deviation), batch[3], batch[4], _options.ClipRange);
        (string Name, Tensor Value)[] terms =
        [
            ("reward", Number(rollouts.MeanReward)), ("reward std", Number(rollouts.RewardDeviation)),
            ("ratio", loss.Ratio), ("clipfrac", loss.ClippedPart), ("approxkl", loss.ApproximateDivergence),
        ];
        if (reference is null)
            return new Losses(loss.Total, terms);

        Tensor divergence = Divergence(batch, mean, deviation, conditions);
        return new Losses(loss.Total.Plus(divergence, _options.KlWeight), [.. terms, ("kl", divergence.detach())]);
    }

    // Of two normal distributions of the same variance, the mean over the pixels (Fan et al. 2023, DPOK).
    private Tensor Divergence(TensorBatch batch, Tensor mean, Tensor deviation, ConditionValues conditions)
    {
        Tensor ofReference;
        using (no_grad())
            ofReference = reference!.Step(batch[0], batch[2], conditions).Mean;
        return ((mean - ofReference) / deviation).Squared().mean().Times(0.5);
    }

    // The reward of images that are generated for the rows, always from the same noise.
    private Losses Score(StepContext step, TensorBatch batch)
    {
        bool hasConditions = definition.Conditions is not { Label: null, Image: null };
        long[] keys = TensorMemory.ToArray<long>(randint(0, long.MaxValue, [batch.Rows], ScalarType.Int64, generator: step.Generator));
        var noise = new KeyedNoise(keys, definition.Architecture.Shape.Dimensions, run.Device);
        Tensor images = policy.Run(
            noise.Next, definition.Conditions.Encode(hasConditions ? batch.Columns : [], first: 0), run.StopIfCancelled)[^1];
        long[]? labels = definition.Conditions.Label is null ? null : TensorMemory.ToArray<long>(batch[0]);
        double[] rewards = _options.Reward!.Score(run.Host, DenoisingRollouts.ImagesOf(
            definition, TensorMemory.ToArray<float>(PixelScale.Unsigned(images)), labels));
        double reward = rewards.Average();
        return new Losses(Number(-reward), ("reward", Number(reward)));
    }

    private static Tensor Number(double value) => tensor(value, ScalarType.Float64);
}
