using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>The mean of a loss and of its terms, each value weighted by the batch that it comes from.</summary>
internal sealed class LossSums
{
    public double Sum { get; private set; }

    public double Weight { get; private set; }

    public WeightedMeans Terms { get; } = new();

    public double Mean => Sum / Weight;

    public void Add(double loss, double weight)
    {
        Sum += loss * weight;
        Weight += weight;
    }

    /// <summary>Lets what there is count less beside what comes.</summary>
    public void Decay(double factor)
    {
        Sum *= factor;
        Weight *= factor;
        Terms.Decay(factor);
    }

    public void Resume(double sum, double weight, Dictionary<string, MeterTerm> terms)
    {
        (Sum, Weight) = (sum, weight);
        Terms.Resume(terms);
    }

    public void Clear()
    {
        (Sum, Weight) = (0, 0);
        Terms.Clear();
    }
}
