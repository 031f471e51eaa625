namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>How much better a choice was than expected.</summary>
internal static class Advantages
{
    // As TRL has it: far below the spread of rewards, far above rounding.
    private const double SpreadEpsilon = 1e-4;

    /// <summary>Generalized advantage estimation (Schulman et al. 2015).</summary>
    /// <param name="rewards">The reward of each token.</param>
    /// <param name="values">What was expected before each token.</param>
    /// <param name="isReal">Which tokens the policy chose: others have no advantage, and their values no influence.</param>
    /// <param name="discount">γ.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="lastValue">What is expected after the last token.</param>
    /// <returns>The advantage of each token; with the values added, the returns.</returns>
    public static float[] Generalized(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<bool> isReal, double discount, double lambda,
        double lastValue = 0)
    {
        var advantages = new float[rewards.Length];
        (double next, double advantage) = (lastValue, 0);
        for (int i = rewards.Length - 1; i >= 0; i--)
        {
            if (!isReal[i])
                continue;
            advantage = rewards[i] + discount * next - values[i] + discount * lambda * advantage;
            advantages[i] = (float)advantage;
            next = values[i];
        }

        return advantages;
    }

    /// <summary>Scores relative to those of the other completions of the same prompt (Shao et al. 2024).</summary>
    /// <param name="scores">Groups one after the other.</param>
    /// <param name="groupSize">Completions of a prompt.</param>
    /// <param name="scaling">What the differences are divided by.</param>
    public static float[] OfGroups(ReadOnlySpan<float> scores, int groupSize, AdvantageScaling scaling)
    {
        var advantages = new float[scores.Length];
        double ofAll = Spread(scores);
        for (int start = 0; start < scores.Length; start += groupSize)
        {
            ReadOnlySpan<float> group = scores.Slice(start, groupSize);
            double mean = Mean(group);
            double scale = scaling switch
            {
                AdvantageScaling.Group => Spread(group) + SpreadEpsilon,
                AdvantageScaling.Rollout => ofAll + SpreadEpsilon,
                _ => 1,
            };
            for (int i = 0; i < groupSize; i++)
                advantages[start + i] = (float)((group[i] - mean) / scale);
        }

        return advantages;
    }

    /// <summary>Scores minus the mean of the other completions of the same prompt (Ahmadian et al. 2024).</summary>
    /// <param name="scores">Groups one after the other.</param>
    /// <param name="groupSize">Completions of a prompt, at least 2.</param>
    public static float[] LeaveOneOut(ReadOnlySpan<float> scores, int groupSize)
    {
        var advantages = new float[scores.Length];
        for (int start = 0; start < scores.Length; start += groupSize)
        {
            ReadOnlySpan<float> group = scores.Slice(start, groupSize);
            double sum = Mean(group) * groupSize;
            for (int i = 0; i < groupSize; i++)
                advantages[start + i] = (float)(group[i] - (sum - group[i]) / (groupSize - 1));
        }

        return advantages;
    }

    /// <summary>The mean.</summary>
    public static double Mean(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += value;
        return sum / Math.Max(1, values.Length);
    }

    /// <summary>The unbiased standard deviation; 0 of less than two values.</summary>
    public static double Spread(ReadOnlySpan<float> values)
    {
        double mean = Mean(values), sum = 0;
        foreach (float value in values)
            sum += (value - mean) * (value - mean);
        return values.Length < 2 ? 0 : Math.Sqrt(sum / (values.Length - 1));
    }
}
