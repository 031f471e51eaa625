using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>The rows that a model learns: images, or vectors without a shape.</summary>
/// <param name="Image">The images' shape, or <see langword="null"/> for other vectors.</param>
/// <param name="Size">Values per row.</param>
internal readonly record struct RowShape(ImageShape? Image, int Size)
{
    /// <summary>The dimensions of a row's tensor.</summary>
    [JsonIgnore]
    public long[] Dimensions => Image?.Dimensions ?? [Size];

    /// <summary>The type of a column of such rows.</summary>
    [JsonIgnore]
    public VectorDataViewType Type =>
        Image?.VectorType(NumberDataViewType.Single) ?? new VectorDataViewType(NumberDataViewType.Single, Size);

    /// <exception cref="ArgumentException">There are no such rows.</exception>
    public void Validate()
    {
        OptionChecks.AtLeast(Size, 1, "the size of a row");
        Image?.CheckSize(Size);
    }
}
