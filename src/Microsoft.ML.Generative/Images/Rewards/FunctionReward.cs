using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Images.Rewards;

/// <summary>A function of one image.</summary>
internal sealed class FunctionReward(Func<GeneratedImage, double> function) : ImageReward
{
    private protected override double[] Compute(IHost host, RewardedImages images)
    {
        double[] scores = new double[images.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            host.CheckAlive();
            scores[i] = function(images[i]);
        }

        return scores;
    }
}
