using System.Numerics.Tensors;
using Samples.Shared;

namespace Module07;

/// <summary>Says which class an image looks like: that of most of its five nearest neighbors among known ones.</summary>
internal sealed class Judge(LabeledImages known)
{
    private const int Neighbors = 5;

    public int ClassOf(float[] image) => Enumerable.Range(0, known.Count)
        .Select(i => (Distance: TensorPrimitives.Distance<float>(known.Images[i], image), Label: known.Labels[i]))
        .OrderBy(n => n.Distance).Take(Neighbors).GroupBy(n => n.Label).MaxBy(group => group.Count())!.Key;

    /// <summary>The share of images that look like the class asked for.</summary>
    public double Agreement(IReadOnlyList<float[]> images, IReadOnlyList<int> labels) =>
        Enumerable.Range(0, images.Count).AsParallel().Count(i => ClassOf(images[i]) == labels[i]) / (double)images.Count;

    /// <summary>The share of pixels between black and white: a class can be told from a blurred or grainy image, too.</summary>
    public static double Gray(IEnumerable<float[]> images) => images.Average(image => image.Average(pixel => pixel is > 0.1f and < 0.9f ? 1.0 : 0));
}
