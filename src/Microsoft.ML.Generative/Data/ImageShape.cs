using Microsoft.ML.Data;

namespace Microsoft.ML.Generative;

/// <summary>
/// The shape of the images in a vector column: the vector holds <see cref="Channels"/> planes of <see cref="Height"/> rows
/// of <see cref="Width"/> values. It travels as a column annotation, since a vector type alone does not tell 28×28 from 784.
/// </summary>
internal readonly record struct ImageShape(int Channels, int Height, int Width)
{
    /// <summary>The kind (name) of the annotation: a vector of three Int32, channels, height, width.</summary>
    public const string AnnotationKind = "ImageShape";

    private static readonly VectorDataViewType _annotationType = new(NumberDataViewType.Int32, 3);

    /// <summary>Number of values of one image.</summary>
    public int Size => checked(Channels * Height * Width);

    /// <summary>Adds this shape to the annotations of a column that is being built.</summary>
    public void AddTo(DataViewSchema.Annotations.Builder annotations)
    {
        VBuffer<int> value = new(3, [Channels, Height, Width]);
        annotations.Add(AnnotationKind, _annotationType, (ref VBuffer<int> destination) => value.CopyTo(ref destination));
    }

    /// <summary>Annotations that hold this shape alone.</summary>
    public DataViewSchema.Annotations ToAnnotations()
    {
        DataViewSchema.Annotations.Builder builder = new();
        AddTo(builder);
        return builder.ToAnnotations();
    }

    /// <summary>
    /// Reads the shape from a column's annotations. False without such an annotation, and also with one that cannot be true of
    /// the column: another type, a side below 1, or a product that differs from the vector's size.
    /// </summary>
    public static bool TryGet(DataViewSchema.Column column, out ImageShape shape)
    {
        shape = default;
        if (column.Annotations.Schema.GetColumnOrNull(AnnotationKind)?.Type is not VectorDataViewType { Size: 3 } type
            || !type.ItemType.Equals(NumberDataViewType.Int32))
            return false;

        VBuffer<int> value = default;
        column.Annotations.GetValue(AnnotationKind, ref value);
        Span<int> sides = stackalloc int[3];
        value.CopyTo(sides);
        if (sides[0] < 1 || sides[1] < 1 || sides[2] < 1
            || (Int128)sides[0] * sides[1] * sides[2] is var size && size > int.MaxValue
            || column.Type is VectorDataViewType { IsKnownSize: true } vector && vector.Size != (int)size)
            return false;

        shape = new ImageShape(sides[0], sides[1], sides[2]);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Channels}×{Height}×{Width}";
}
