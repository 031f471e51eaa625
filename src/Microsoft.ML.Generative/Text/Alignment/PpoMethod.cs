using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Proximal policy optimization with values of tokens (Schulman et al. 2017; Ziegler et al. 2019).</summary>
internal sealed class PpoMethod(
    LanguageModelNetwork network, PpoNetwork withValues, PpoOptions options, int vocabulary, AlignmentWatch watch)
    : RolloutMethod(network, options, vocabulary, watch)
{
    // As Ziegler et al. have it.
    private const double MostKlError = 0.2;

    private readonly PpoOptions _options = options;
    private double _klCoefficient = options.KlCoefficient;

    public override IReadOnlyList<TokenValue> Kinds { get; } =
        [TokenValue.Old, TokenValue.Reference, TokenValue.Advantage, TokenValue.Value, TokenValue.Return];

    public override long WeightOf(IReadOnlyList<int> tokens) => PolicyLosses.WeightOf(tokens, LossReduction.Dapo);

    public override (Tensor LogProbabilities, Tensor? Values) Describe(RolloutBatch batch)
    {
        (Tensor logits, Tensor values) = withValues.Score(batch.Sequences);
        return (Score(logits, batch).Values, values);
    }

    public override void Judge(Rollout rollout, float[] scores)
    {
        float[][] ratios = rollout.LogRatios(), values = rollout[TokenValue.Value];
        float[][] rewards = [.. scores.Select((score, row) =>
            RewardShaping.WithKl(score, ratios[row], AllReal(ratios[row].Length), _klCoefficient))];
        if (_options.WhitenRewards)
            Whiten(rewards, keepsMean: true);
        float[][] advantages = [.. rewards.Select((reward, row) =>
            Advantages.Generalized(reward, values[row], AllReal(reward.Length), _options.Discount, _options.Lambda))];
        rollout[TokenValue.Return] = [.. advantages.Zip(values, (a, v) => a.Zip(v, (x, y) => x + y).ToArray())];
        if (_options.WhitenAdvantages)
            Whiten(advantages, keepsMean: false);
        rollout[TokenValue.Advantage] = advantages;
        rollout.Figures.Add(("kl coefficient", _klCoefficient));
        if (_options.KlTarget is { } target)
        {
            double error = Math.Clamp(Advantages.Mean(Sums(ratios)) / target - 1, -MostKlError, MostKlError);
            // Of a roll-out that is longer than the horizon, one horizon counts.
            _klCoefficient *= 1 + error * Math.Min(1, (double)rollout.Count / _options.KlHorizon);
        }
    }

    public override JsonNode? SaveState() => JsonSerializer.SerializeToNode(_klCoefficient, ExactDoubles.Options);

    public override void RestoreState(JsonNode? state) => _klCoefficient = state!.GetValue<double>();

    protected override (Tensor Loss, Tensor LogProbabilities, Tensor Entropy, (string, Tensor)[] Terms) Learn(RolloutBatch batch)
    {
        (Tensor logits, Tensor values) = withValues.Score(batch.Sequences);
        TokenLogProbabilities tokens = Score(logits, batch);
        Tensor policyLoss = PolicyLosses.Mean(ClippedLoss(tokens.Values, batch), batch.Mask);
        Tensor valueLoss = PolicyLosses.Mean(
            PolicyLosses.ClippedValue(values, batch[TokenValue.Value], batch[TokenValue.Return], _options.ValueClipRange), batch.Mask);
        return (
            policyLoss.Plus(valueLoss, _options.ValueCoefficient), tokens.Values, tokens.Entropy!,
            [("policy loss", policyLoss.detach()), ("value loss", valueLoss.detach())]);
    }

    private static bool[] AllReal(int count)
    {
        bool[] all = new bool[count];
        Array.Fill(all, true);
        return all;
    }

    // Over all tokens of a roll-out.
    private static void Whiten(float[][] rows, bool keepsMean)
    {
        float[] all = [.. rows.SelectMany(row => row)];
        MaskedValues.Whiten(all, AllReal(all.Length), keepsMean);
        int start = 0;
        foreach (float[] row in rows)
        {
            all.AsSpan(start, row.Length).CopyTo(row);
            start += row.Length;
        }
    }
}
