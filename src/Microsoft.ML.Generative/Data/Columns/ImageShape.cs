using System.Text.Json.Serialization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>The shape of images kept as vectors: planes of channels, rows, columns.</summary>
/// <remarks>A column has it in the dimensions of its vector type, as ML.NET's own <c>ExtractPixels</c> does.</remarks>
internal readonly record struct ImageShape(int Channels, int Height, int Width)
{
    [JsonIgnore]
    public int Size => checked(Channels * Height * Width);

    /// <summary>The dimensions of an image's tensor.</summary>
    [JsonIgnore]
    public long[] Dimensions => [Channels, Height, Width];

    /// <summary>Whether there can be such images: of 1 to 4 channels, and not empty.</summary>
    [JsonIgnore]
    public bool IsPossible => Channels is >= 1 and <= 4 && Height >= 1 && Width >= 1;

    /// <exception cref="ArgumentException">There are no images of this shape, or they have another number of values.</exception>
    public void CheckSize(int values)
    {
        if (!IsPossible || Size != values)
            throw new ArgumentException($"images of {this} do not have {values} values");
    }

    /// <summary>The type of a column of such images.</summary>
    public VectorDataViewType VectorType(PrimitiveDataViewType itemType) => new(itemType, Channels, Height, Width);

    public static bool TryGet(DataViewType type, out ImageShape shape)
    {
        shape = type is not VectorDataViewType { Dimensions: [> 0, > 0, > 0] d } ? default
            : d[0] <= 4 ? new ImageShape(d[0], d[1], d[2])
            // One channel is the same values in either order.
            : d[2] == 1 ? new ImageShape(1, d[0], d[1]) : default;
        return shape != default;
    }

    /// <summary>Whether the dimensions of a vector's type are those of such images.</summary>
    public bool Fits(ReadOnlySpan<int> dimensions) =>
        dimensions.SequenceEqual([Channels, Height, Width]) || (Channels == 1 && dimensions.SequenceEqual([Height, Width, 1]));

    public override string ToString() => $"{Channels} channel{(Channels == 1 ? "" : "s")} of {Width}×{Height}";
}
