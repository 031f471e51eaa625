using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Images.Classification.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageClassifierNetworkTests
{
    private static readonly ImageShape _shape = new(3, 9, 7);

    [Theory]
    [InlineData(ImageClassifierNetworkKind.Residual, ImageClassifierNormalization.Group, 1)]
    [InlineData(ImageClassifierNetworkKind.Residual, ImageClassifierNormalization.Batch, 2)]
    [InlineData(ImageClassifierNetworkKind.Plain, ImageClassifierNormalization.Batch, 1)]
    public void Its_numbers_are_counted_without_making_it(
        ImageClassifierNetworkKind architecture, ImageClassifierNormalization normalization, int blocks)
    {
        TorchRuntime.EnsureLoaded();
        var options = new ImageClassifierOptions
        {
            Network = architecture,
            Normalization = normalization,
            BlocksPerStage = blocks,
            BaseChannels = 6,
            Stages = 3,
        };
        ImageClassifierArchitecture shape = ImageClassifierArchitecture.Of(options, _shape, 5);
        using var network = new ImageClassifierNetwork(shape);
        Shapes.AssertLikeReal(() => new ImageClassifierNetwork(shape));

        using DisposeScope scope = NewDisposeScope();
        Tensor features = network.Features(rand(2, 3, 9, 7));
        Assert.Equal([2, 24], features.shape);
        Assert.Equal([2, 5], network.Logits(features).shape);
        Assert.True(features.min().item<float>() >= 0);
    }

    // Logits [0, ln 3] whatever the image: probabilities 1/4 and 3/4. With smoothing ε the loss of a row of class 1 is
    // −(1 − ε) ln 3/4 − ε (ln 1/4 + ln 3/4) / 2.
    [Fact]
    public void The_loss_is_cross_entropy_with_smoothed_labels_and_validation_scores_them_as_they_are()
    {
        TorchRuntime.EnsureLoaded();
        var options = new ImageClassifierOptions { LabelSmoothing = 0.2, BaseChannels = 2, Stages = 1 };
        using var network = new ImageClassifierNetwork(ImageClassifierArchitecture.Of(options, _shape, 2));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        network.get_parameter("head.weight")!.zero_();
        network.get_parameter("head.bias")!.copy_(tensor([0f, MathF.Log(3)]));
        using var generator = new Generator(1);
        var batch = new TensorBatch(4, rand(4, 3, 9, 7), tensor([1L, 1, 1, 0]));

        double Loss(bool isTraining) => new ImageClassifierObjective(network, options)
            .Losses(new StepContext(1, 2, isTraining, generator, CPU), batch).Total.item<float>();
        double plain = -(3 * Math.Log(0.75) + Math.Log(0.25)) / 4;
        Assert.Equal(plain, Loss(isTraining: false), 1e-6);
        Assert.Equal(0.8 * plain - 0.2 * (Math.Log(0.25) + Math.Log(0.75)) / 2, Loss(isTraining: true), 1e-6);
        (string name, Tensor accuracy) = Assert.Single(
            new ImageClassifierObjective(network, options).Losses(new StepContext(1, 2, false, generator, CPU), batch).Terms);
        Assert.Equal(("accuracy", 0.75f), (name, accuracy.item<float>()));
    }

    [Fact]
    public void Shifted_images_move_by_every_distance_allowed_and_keep_their_pixels()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor x = zeros(1_000, 2, 9, 7);
        x[.., 0, 4, 3] = 1;
        x[.., 1, 4, 2] = 2;
        Tensor moved = ImageAugmentation.Apply(x, 2, flips: false, Step(generator));
        Assert.Equal(x.shape, moved.shape);
        Assert.Equal(x.sum([1, 2, 3]).data<float>().ToArray(), moved.sum([1, 2, 3]).data<float>().ToArray());
        long[] places = moved[.., 0].flatten(1).argmax(1).data<long>().ToArray();
        Assert.Equal(places.Select(p => p - 1), moved[.., 1].flatten(1).argmax(1).data<long>().ToArray());
        Dictionary<(long Y, long X), int> counts = places.CountBy(p => (p / 7, p % 7)).ToDictionary();
        Assert.Equal(25, counts.Count);
        Assert.All(counts, c => Assert.True(c.Key.Y is >= 2 and <= 6 && c.Key.X is >= 1 and <= 5 && c.Value is > 15 and < 70));
    }

    [Fact]
    public void What_leaves_a_image_is_gone_and_zeros_come_in()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        float[] sums = ImageAugmentation.Apply(ones(500, 1, 3, 3), 1, flips: false, Step(generator)).sum([1, 2, 3]).data<float>().ToArray();
        Assert.Equal([4f, 6f, 9f], sums.Distinct().Order());
    }

    [Fact]
    public void Half_of_the_flipped_images_are_mirrored()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor x = rand(400, 1, 3, 5);
        Tensor y = ImageAugmentation.Apply(x, 0, flips: true, Step(generator));
        int kept = 0, mirrored = 0;
        for (int i = 0; i < 400; i++)
        {
            kept += y[i].allclose(x[i]) ? 1 : 0;
            mirrored += y[i].allclose(x[i].flip(2)) ? 1 : 0;
        }

        Assert.Equal(400, kept + mirrored);
        Assert.InRange(mirrored, 150, 250);
        Assert.Same(x, ImageAugmentation.Apply(x, 0, flips: false, Step(generator)));
    }

    private static StepContext Step(Generator generator) => new(1, 1, true, generator, CPU);
}
