using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public class ImageShapeTests
{
    [Fact]
    public void A_shape_that_was_written_is_read_back()
    {
        var column = ColumnOf(new VectorDataViewType(NumberDataViewType.Byte, 60), new ImageShape(3, 4, 5).ToAnnotations());

        Assert.True(ImageShape.TryGet(column, out var shape));
        Assert.Equal(new ImageShape(3, 4, 5), shape);
        Assert.Equal(60, shape.Size);
        Assert.Equal("3×4×5", shape.ToString());
    }

    [Fact]
    public void A_column_without_the_annotation_has_no_shape() =>
        Assert.False(ImageShape.TryGet(ColumnOf(new VectorDataViewType(NumberDataViewType.Byte, 60), null), out _));

    [Fact]
    public void A_shape_that_contradicts_the_vector_is_not_believed() =>
        Assert.False(ImageShape.TryGet(ColumnOf(new VectorDataViewType(NumberDataViewType.Byte, 61), new ImageShape(3, 4, 5).ToAnnotations()), out _));

    [Theory]
    [InlineData(0, 4, 5)]
    [InlineData(1, -4, -5)]
    [InlineData(65536, 65536, 1)]
    [InlineData(int.MaxValue, int.MaxValue, int.MaxValue)]
    public void An_impossible_shape_is_not_believed(int channels, int height, int width) =>
        Assert.False(ImageShape.TryGet(ColumnOf(new VectorDataViewType(NumberDataViewType.Byte), new ImageShape(channels, height, width).ToAnnotations()), out _));

    [Fact]
    public void An_annotation_of_that_name_with_another_type_is_not_a_shape()
    {
        DataViewSchema.Annotations.Builder annotations = new();
        annotations.AddPrimitiveValue(ImageShape.AnnotationKind, NumberDataViewType.Int32, 60);

        Assert.False(ImageShape.TryGet(ColumnOf(new VectorDataViewType(NumberDataViewType.Byte, 60), annotations.ToAnnotations()), out _));
    }

    private static DataViewSchema.Column ColumnOf(DataViewType type, DataViewSchema.Annotations? annotations)
    {
        DataViewSchema.Builder schema = new();
        schema.AddColumn("Image", type, annotations);
        return schema.ToSchema()[0];
    }
}
