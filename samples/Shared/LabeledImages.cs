using Microsoft.ML;
using Microsoft.ML.Data;

namespace Samples.Shared;

/// <summary>Images of values in 0..1, row by row, and their classes from 0.</summary>
/// <param name="Images">The images.</param>
/// <param name="Labels">The class of each.</param>
public sealed record LabeledImages(float[][] Images, int[] Labels)
{
    /// <summary>How many images.</summary>
    public int Count => Images.Length;

    /// <summary>Reads the columns Image (bytes) and Label (a key) of the library's data sets.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="count">How many to read at most.</param>
    // The key of class 0 is 1, as always in ML.NET.
    public static LabeledImages Read(IDataView data, int count = int.MaxValue) => new(
        [.. data.GetColumn<byte[]>("Image").Take(count).Select(image => Array.ConvertAll(image, pixel => pixel / 255f))],
        [.. data.GetColumn<uint>("Label").Take(count).Select(key => (int)key - 1)]);

    /// <summary>The first image of each class.</summary>
    public float[][] OneOfEach() => [.. Enumerable.Range(0, Labels.Max() + 1).Select(label => Images[Array.IndexOf(Labels, label)])];
}
