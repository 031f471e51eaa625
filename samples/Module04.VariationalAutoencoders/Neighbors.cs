using System.Numerics.Tensors;

namespace Module04;

/// <summary>The k-nearest-neighbor classifier: the class of most of the nearest known vectors.</summary>
internal sealed class Neighbors(float[][] known, int[] labels, int k = 5)
{
    /// <summary>The class of a vector.</summary>
    public int Classify(float[] vector) => known
        .Select((other, i) => (Distance: TensorPrimitives.Distance(other, vector), Label: labels[i]))
        .OrderBy(pair => pair.Distance).Take(k)
        // Of classes with equally many votes the nearest wins: groups come in the order of their first element.
        .GroupBy(pair => pair.Label).MaxBy(group => group.Count())!.Key;

    /// <summary>The share of vectors whose predicted class is their label.</summary>
    public double Accuracy(IReadOnlyList<float[]> vectors, IReadOnlyList<int> expected) =>
        Enumerable.Range(0, vectors.Count).AsParallel().Average(i => Classify(vectors[i]) == expected[i] ? 1.0 : 0.0);
}
