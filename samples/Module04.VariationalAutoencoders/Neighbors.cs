using System.Numerics.Tensors;

namespace Module04;

/// <summary>The oldest classifier: the class that most of the nearest known vectors have.</summary>
internal sealed class Neighbors(float[][] known, int[] labels, int k = 5)
{
    /// <summary>The class of a vector.</summary>
    public int Classify(float[] asked) => known
        .Select((vector, i) => (Distance: TensorPrimitives.Distance(vector, asked), Label: labels[i]))
        .OrderBy(pair => pair.Distance).Take(k)
        // Of classes with as many votes the nearest wins, since groups come in the order of their first element.
        .GroupBy(pair => pair.Label).MaxBy(group => group.Count())!.Key;

    /// <summary>How many of the vectors get their right class.</summary>
    public double Accuracy(IReadOnlyList<float[]> asked, IReadOnlyList<int> right) =>
        Enumerable.Range(0, asked.Count).AsParallel().Average(i => Classify(asked[i]) == right[i] ? 1.0 : 0.0);
}
