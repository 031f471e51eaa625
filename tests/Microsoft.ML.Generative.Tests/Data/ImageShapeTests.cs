using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageShapeTests
{
    [Fact]
    public void A_column_type_tells_the_shape_that_it_was_made_with()
    {
        ImageShape shape = new(3, 4, 5);
        Assert.True(ImageShape.TryGet(shape.VectorType(NumberDataViewType.Byte), out ImageShape found));
        Assert.Equal(shape, found);
        Assert.Equal(60, found.Size);
    }

    [Fact]
    public void Pixels_extracted_by_MlNet_have_the_shape_of_their_images()
    {
        MLContext ml = new();
        IDataView pixels = ml.Transforms.ExtractPixels("Pixels", "Image").Fit(TinyImages.AsImages(ml, 1)).Transform(
            TinyImages.AsImages(ml, 1));
        Assert.True(ImageShape.TryGet(pixels.Schema["Pixels"].Type, out ImageShape shape));
        Assert.Equal(new ImageShape(3, TinyImages.Height, TinyImages.Width), shape);
    }

    [Fact]
    public void Plain_vectors_and_other_dimensions_are_no_images()
    {
        Assert.False(ImageShape.TryGet(new VectorDataViewType(NumberDataViewType.Single, 60), out _));
        Assert.False(ImageShape.TryGet(new VectorDataViewType(NumberDataViewType.Single), out _));
        Assert.False(ImageShape.TryGet(new VectorDataViewType(NumberDataViewType.Single, 28, 28, 3), out _));
        Assert.False(ImageShape.TryGet(NumberDataViewType.Single, out _));
    }
}
