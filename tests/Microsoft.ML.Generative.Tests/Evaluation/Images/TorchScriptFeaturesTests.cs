using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class TorchScriptFeaturesTests
{
    private static float[] Compute(string expression, Func<Tensor> images, ImageFeatureOptions? options = null)
    {
        TorchRuntime.EnsureLoaded();
        using var folder = new TemporaryFolder();
        TorchScriptFile.Write(folder.File("extractor.pt"), expression);
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using FeatureComputation computation = ImageFeatureExtractor.TorchScript(folder.File("extractor.pt"), options).Open(CPU);
        Tensor features = computation.Compute(images());
        Assert.Equal(2, features.dim());
        return features.flatten().data<float>().ToArray();
    }

    [Fact]
    public void Features_are_what_the_script_makes_of_the_images() =>
        Assert.Equal([0f, 2, 4, 6], Compute("torch.mul(x, 2)", () => arange(4, ScalarType.Float32).view(2, 1, 1, 2)));

    [Fact]
    public void Images_are_scaled_and_gray_ones_repeated() =>
        Assert.Equal([-1f, 1, -0.5f, 0.5f, 0, 4], Compute("x", () => tensor([0f, 1], [1, 1, 1, 2]), new()
        {
            Channels = 3,
            Mean = [0.5f, 0.5f, 0],
            StandardDeviation = [0.5f, 1, 0.25f],
        }));

    [Fact]
    public void Images_are_resized_by_linear_interpolation() =>
        Assert.Equal([0f, 0.25f, 0.75f, 1], Compute("x", () => tensor([0f, 1], [1, 1, 1, 2]), new() { Width = 4 }));

    [Fact]
    public void What_cannot_be_loaded_or_run_is_named_with_the_file()
    {
        TorchRuntime.EnsureLoaded();
        using var folder = new TemporaryFolder();
        string path = folder.File("extractor.pt");
        Assert.Contains(
            "extractor.pt", Assert.Throws<FileNotFoundException>(() => ImageFeatureExtractor.TorchScript(path).Open(CPU)).Message);

        File.WriteAllText(path, "no archive");
        Assert.Contains("extractor.pt' is no TorchScript file", Assert.Throws<InvalidDataException>(() =>
            ImageFeatureExtractor.TorchScript(path).Open(CPU)).Message);
        Assert.Contains("cannot compute with images of [1, 1, 1, 2]", Assert.Throws<InvalidDataException>(() =>
            Compute("torch.mm(x, x)", () => zeros(1, 1, 1, 2))).Message);
        Assert.Contains("made [2] of 1 images; expected [1, features]", Assert.Throws<InvalidDataException>(() =>
            Compute("torch.flatten(x)", () => zeros(1, 1, 1, 2))).Message);
        Assert.Contains("Channels is 1, but the images have 3", Assert.Throws<ArgumentException>(() =>
            Compute("x", () => zeros(1, 3, 1, 2), new() { Channels = 1 })).Message);
        Assert.Contains("Mean has 2 numbers", Assert.Throws<ArgumentException>(() =>
            Compute("x", () => zeros(1, 3, 1, 2), new() { Mean = [0, 1] })).Message);
    }

    [Theory]
    [InlineData("Channels")]
    [InlineData("Height")]
    [InlineData("Width")]
    [InlineData("Mean")]
    [InlineData("StandardDeviation")]
    public void An_option_out_of_its_range_is_named(string name)
    {
        ImageFeatureOptions options = name switch
        {
            "Channels" => new() { Channels = 5 },
            "Height" => new() { Height = 0 },
            "Width" => new() { Width = -1 },
            "Mean" => new() { Mean = [float.NaN] },
            _ => new() { StandardDeviation = [1, 0] },
        };
        Assert.StartsWith(name, Assert.ThrowsAny<ArgumentException>(() => ImageFeatureExtractor.TorchScript("any.pt", options)).Message);
    }
}
