namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How well a reward model agrees with preferences.</summary>
public sealed class RewardModelMetrics
{
    internal RewardModelMetrics(long pairs, double loss, double accuracy, double margin, double margins2, double score)
    {
        (Pairs, Loss, Accuracy, Margin, MeanScore) = (pairs, loss, accuracy, margin, score);
        MarginStandardDeviation = Math.Sqrt(Math.Max(0, margins2 - margin * margin));
    }

    /// <summary>Pairs evaluated.</summary>
    public long Pairs { get; }

    /// <summary>The mean of −log σ(margin) in nats: lower is better, log 2 is that of equal scores.</summary>
    public double Loss { get; }

    /// <summary>The share of pairs whose better text has the higher score, 0 to 1.</summary>
    public double Accuracy { get; }

    /// <summary>The mean of the better text's score minus the worse one's.</summary>
    public double Margin { get; }

    /// <summary>The standard deviation of these differences.</summary>
    public double MarginStandardDeviation { get; }

    /// <summary>The mean score of all texts.</summary>
    public double MeanScore { get; }
}
