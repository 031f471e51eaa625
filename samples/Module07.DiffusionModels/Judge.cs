using System.Numerics.Tensors;
using Samples.Shared;

namespace Module07;

/// <summary>Says which class a picture looks like: that of most of its five nearest neighbours among known ones.</summary>
internal sealed class Judge(LabelledImages known)
{
    private const int Neighbours = 5;

    public int ClassOf(float[] picture) => Enumerable.Range(0, known.Count)
        .Select(i => (Distance: TensorPrimitives.Distance<float>(known.Images[i], picture), Label: known.Labels[i]))
        .OrderBy(n => n.Distance).Take(Neighbours).GroupBy(n => n.Label).MaxBy(group => group.Count())!.Key;

    /// <summary>The share of pictures that look like the class asked for.</summary>
    public double Agreement(IReadOnlyList<float[]> pictures, IReadOnlyList<int> labels) =>
        Enumerable.Range(0, pictures.Count).AsParallel().Count(i => ClassOf(pictures[i]) == labels[i]) / (double)pictures.Count;
}
