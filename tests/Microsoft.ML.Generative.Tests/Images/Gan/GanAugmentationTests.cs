using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class GanAugmentationTests
{
    private const GanAugmentations All = GanAugmentations.Color | GanAugmentations.Translation | GanAugmentations.Cutout;

    [Fact]
    public void A_shift_moves_pixels_down_and_right_and_lets_zeros_in()
    {
        Tensor image = arange(1, 10, ScalarType.Float32).view(1, 1, 3, 3);
        float[] moved = Values(GanAugmentation.Shift(image, tensor(new long[] { 1 }), tensor(new long[] { -1 })));
        Assert.Equal([0, 0, 0, 2, 3, 0, 5, 6, 0], moved);
        Assert.Equal(Values(image), Values(GanAugmentation.Shift(image, tensor(new long[] { 0 }), tensor(new long[] { 0 }))));
        Assert.All(Values(GanAugmentation.Shift(image, tensor(new long[] { 3 }), tensor(new long[] { 0 }))), v => Assert.Equal(0, v));
    }

    [Fact]
    public void With_probability_0_no_image_changes_and_with_a_half_about_half_do()
    {
        using var generator = new Generator(1);
        Tensor images = rand(400, 3, 8, 8);
        Assert.True(GanAugmentation.Apply(All, images, tensor(new float[] { 0 }), Step(generator)).allclose(images, 1e-5, 1e-6));

        Tensor changed = GanAugmentation.Apply(GanAugmentations.Cutout, images, tensor(new float[] { 0.5f }), Step(generator));
        double share = changed.ne(images).flatten(1).any(1).to(ScalarType.Float32).mean().ToDouble();
        Assert.InRange(share, 0.42, 0.58);
    }

    [Theory]
    [InlineData(GanAugmentations.Color)]
    [InlineData(GanAugmentations.Translation)]
    [InlineData(GanAugmentations.Cutout)]
    public void Each_kind_changes_images_and_lets_gradients_through_twice(GanAugmentations kind)
    {
        using var generator = new Generator(1);
        Tensor images = rand(8, 3, 16, 16).requires_grad_(true);
        Tensor changed = GanAugmentation.Apply(kind, images, null, Step(generator));
        Assert.Equal(images.shape, changed.shape);
        Assert.True(changed.ne(images).any().ToBoolean());
        GanLosses.SquaredGradient(changed.square().sum([1, 2, 3]), images).backward();
        Assert.True(images.grad!.abs().sum().ToDouble() > 0);
    }

    private static float[] Values(Tensor tensor) => tensor.contiguous().data<float>().ToArray();

    private static StepContext Step(Generator generator) => new(1, 1, true, generator, CPU);
}
