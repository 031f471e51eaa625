namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How far a language model has memorized a canary: a text that was put into its training data to find out.</summary>
public sealed class ExposureMetrics
{
    internal ExposureMetrics(string canary, double negativeLogLikelihood, long rank, long candidates)
    {
        (Canary, NegativeLogLikelihood, Rank, Candidates) = (canary, negativeLogLikelihood, rank, candidates);
        Exposure = Math.Log2(candidates) - Math.Log2(rank);
    }

    /// <summary>The canary.</summary>
    public string Canary { get; }

    /// <summary>−log p(canary) in nats: the sum over its tokens.</summary>
    public double NegativeLogLikelihood { get; }

    /// <summary>Its place among all candidates, the most probable first: 1 to <see cref="Candidates"/>.</summary>
    public long Rank { get; }

    /// <summary>The texts that could have been the canary, with itself.</summary>
    public long Candidates { get; }

    /// <summary>
    /// log₂ <see cref="Candidates"/> − log₂ <see cref="Rank"/>, in bits: how much easier it has become to guess the canary by asking the
    /// model. About 1.4 on average for a canary that was not in the data, log₂ <see cref="Candidates"/> for one that the model holds to be
    /// the most probable of all.
    /// </summary>
    public double Exposure { get; }
}
