using System.Numerics.Tensors;
using Samples.Shared;

namespace Module08;

/// <summary>Predicts the class of an image: that of the known image that is most like it.</summary>
internal sealed class NearestNeighbor(LabeledImages known)
{
    /// <summary>The part of the images that are predicted to be of their class.</summary>
    public double Accuracy(IReadOnlyList<float[]> images, IReadOnlyList<int> labels) =>
        images.Zip(labels).Average(pair => known.Labels[Nearest(pair.First)] == pair.Second ? 1.0 : 0);

    /// <summary>The mean distance of images from the known image that is most like each.</summary>
    public double Distance(IReadOnlyList<float[]> images) =>
        images.Average(image => (double)TensorPrimitives.Distance<float>(image, known.Images[Nearest(image)]));

    private int Nearest(float[] image) =>
        Enumerable.Range(0, known.Count).MinBy(i => TensorPrimitives.Distance<float>(image, known.Images[i]));
}
