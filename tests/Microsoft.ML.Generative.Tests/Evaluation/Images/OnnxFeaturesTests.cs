using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class OnnxFeaturesTests
{
    private static readonly long[] _any = [-1, -1, -1, -1];

    private static float[] Compute(
        Action<string> write, Func<Tensor> images, ImageFeatureOptions? options = null, string? outputName = null)
    {
        TorchRuntime.EnsureLoaded();
        using var folder = new TemporaryFolder();
        write(folder.File("extractor.onnx"));
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using FeatureComputation computation = ImageFeatureExtractor.Onnx(folder.File("extractor.onnx"), options, outputName).Open(CPU);
        Tensor features = computation.Compute(images());
        Assert.Equal(2, features.dim());
        return features.flatten().data<float>().ToArray();
    }

    // [3, 1, 1, 2]
    private static Tensor ThreeImages() => arange(6, ScalarType.Float32).view(3, 1, 1, 2);

    [Fact]
    public void Features_are_what_the_file_makes_of_the_images() =>
        Assert.Equal([0f, 2, 4, 6, 8, 10], Compute(path => OnnxFile.Write(path, "Add", 2, _any, "y"), ThreeImages));

    [Fact]
    public void Images_are_brought_to_what_the_file_asks_for() =>
        Assert.Equal([0f, 0.5f, 1.5f, 2, 0, 0.5f, 1.5f, 2],
            Compute(path => OnnxFile.Write(path, "Add", 2, [-1, 2, 1, 4], "y"), () => tensor([0f, 1], [1, 1, 1, 2])));

    [Fact]
    public void Images_are_scaled_as_the_options_say() =>
        Assert.Equal([-1f, 1], Compute(path => OnnxFile.Write(path, "Identity", 1, _any, "y"), () => tensor([0f, 1], [1, 1, 1, 2]), new()
        {
            Mean = [0.5f],
            StandardDeviation = [0.5f],
        }));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void A_file_of_a_fixed_batch_computes_any_number_of_images(int batch) =>
        Assert.Equal([0f, 2, 4, 6, 8, 10], Compute(path => OnnxFile.Write(path, "Add", 2, [batch, 1, 1, 2], "y"), ThreeImages));

    [Fact]
    public void One_of_several_outputs_is_named()
    {
        static void Write(string path) => OnnxFile.Write(path, "Identity", 1, _any, "logits", "pool");
        Assert.Equal([0f, 1, 2, 3, 4, 5], Compute(Write, ThreeImages, outputName: "pool"));
        Assert.Contains("has the outputs logits, pool", Assert.Throws<ArgumentException>(() => Compute(Write, ThreeImages)).Message);
        Assert.Contains("has no output 'pol'; expected logits or pool", Assert.Throws<ArgumentException>(() =>
            Compute(Write, ThreeImages, outputName: "pol")).Message);
    }

    [Fact]
    public void What_cannot_be_loaded_or_run_is_named_with_the_file()
    {
        TorchRuntime.EnsureLoaded();
        Assert.Contains("extractor.onnx", Assert.Throws<FileNotFoundException>(() => Compute(_ => { }, ThreeImages)).Message);
        Assert.Contains("extractor.onnx' is no ONNX file", Assert.Throws<InvalidDataException>(() =>
            Compute(path => File.WriteAllText(path, "no graph"), ThreeImages)).Message);
        Assert.Contains("takes x: Single[?, 784]; expected one input, Single[batch, channels, height, width]",
            Assert.Throws<InvalidDataException>(() =>
                Compute(path => OnnxFile.Write(path, "Identity", 1, [-1, 784], "y"), ThreeImages)).Message);
        Assert.Contains("takes x: Single[?, 28, 28, 1]; expected one input, Single[batch, channels, height, width] of 1 to 4 channels",
            Assert.Throws<InvalidDataException>(() =>
                Compute(path => OnnxFile.Write(path, "Identity", 1, [-1, 28, 28, 1], "y"), ThreeImages)).Message);
        Assert.Contains("Channels is 1, but the images have 3",
            Assert.Throws<ArgumentException>(() =>
                Compute(path => OnnxFile.Write(path, "Identity", 1, [-1, 1, 1, 2], "y"), () => zeros(1, 3, 1, 2))).Message);
        Assert.Contains("cannot compute with images of [3, 1, 1, 1]",
            Assert.Throws<InvalidDataException>(() =>
                Compute(path => OnnxFile.Write(path, "Identity", 1, [-1, 1, 1, 2], "y"), ThreeImages, new() { Width = 1 })).Message);
        Assert.Contains("made [1, 1, 1, 1] of 3 images; expected [3, features]",
            Assert.Throws<InvalidDataException>(() =>
                Compute(path => OnnxFile.Write(path, "ReduceSum", 1, _any, "y"), ThreeImages)).Message);
    }

    [Fact]
    public void Distances_by_a_file_that_changes_nothing_are_those_by_pixels()
    {
        var ml = new MLContext(seed: 1);
        IDataView a = ml.Generative().Datasets.Digits(40, seed: 1), b = ml.Generative().Datasets.Digits(40, seed: 2);
        using var folder = new TemporaryFolder();
        OnnxFile.Write(folder.File("same.onnx"), "Identity", 1, [16, 1, 28, 28], "y");
        ImageGenerationMetrics Evaluate(ImageFeatureExtractor features) =>
            ml.Generative().EvaluateImages(
                a, b, new ImageEvaluationOptions { Features = features, GeneratedColumnName = "Image", Seed = 1 });

        ImageGenerationMetrics byFile = Evaluate(ImageFeatureExtractor.Onnx(folder.File("same.onnx"))),
            byPixels = Evaluate(ImageFeatureExtractor.Pixels);
        Assert.Equal(784, byFile.FeatureSize);
        Assert.Equal(byPixels.FrechetDistance, byFile.FrechetDistance, 1e-9);
        Assert.Equal(byPixels.KernelDistance, byFile.KernelDistance, 1e-9);
    }
}
