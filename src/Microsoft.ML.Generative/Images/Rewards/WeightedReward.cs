using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Images.Rewards;

/// <summary>A weighted sum of rewards.</summary>
internal sealed class WeightedReward((double Weight, ImageReward Reward)[] rewards) : ImageReward
{
    internal override void Check(IHost host, RewardedImages images)
    {
        foreach ((_, ImageReward reward) in rewards)
            reward.Check(host, images);
    }

    private protected override double[] Compute(IHost host, RewardedImages images)
    {
        double[] sum = new double[images.Count];
        foreach ((double weight, ImageReward reward) in rewards)
        {
            double[] scores = reward.Score(host, images);
            for (int i = 0; i < sum.Length; i++)
                sum[i] += weight * scores[i];
        }

        return sum;
    }
}
