using System.Numerics.Tensors;
using Samples.Shared;

namespace Module07;

/// <summary>A classifier: the class of most of the five nearest known images.</summary>
internal sealed class NearestNeighbors(LabeledImages known)
{
    private const int Neighbors = 5;

    public int ClassOf(float[] image) => Enumerable.Range(0, known.Count)
        .Select(i => (Distance: TensorPrimitives.Distance<float>(known.Images[i], image), Label: known.Labels[i]))
        .OrderBy(n => n.Distance).Take(Neighbors).GroupBy(n => n.Label).MaxBy(group => group.Count())!.Key;

    /// <summary>The share of images whose predicted class is the requested one.</summary>
    public double Accuracy(IReadOnlyList<float[]> images, IReadOnlyList<int> labels) =>
        Enumerable.Range(0, images.Count).AsParallel().Count(i => ClassOf(images[i]) == labels[i]) / (double)images.Count;

    /// <summary>The share of pixels that are neither black nor white: the class of a blurred or grainy image can be right, too.</summary>
    public static double Gray(IEnumerable<float[]> images) =>
        images.Average(image => image.Average(pixel => pixel is > 0.1f and < 0.9f ? 1.0 : 0));
}
