using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Options and vectors with which a model would generate nothing but noise are refused by name.</summary>
public sealed class GenerationLimitTests
{
    private const int Values = 64;

    private readonly MLContext _ml = new(seed: 1);
    private readonly float[] _row = [.. Enumerable.Repeat(0.5f, Values)];
    private readonly float[] _noNumber = [float.NaN, .. Enumerable.Repeat(0.5f, Values - 1)];

    [Fact]
    public void Of_a_variational_autoencoder()
    {
        using VaeTransformer model = _ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 }).Fit(Images());
        foreach (double wrong in (double[])[double.NaN, -1, 1e30, double.PositiveInfinity])
        {
            AssertRefused("Temperature", () => model.Generate(1, new() { Temperature = wrong }));
            AssertRefused("Temperature", () => model.Interpolate(_row, _row, 2, new() { Temperature = wrong }));
        }

        AssertRefused("row", () => model.Encode(_noNumber));
        AssertRefused("to", () => model.Interpolate(_row, _noNumber, 2));
        AssertRefused("latent", () => model.Decode([0, float.PositiveInfinity]));
    }

    [Fact]
    public void Of_a_flow()
    {
        using FlowTransformer model = _ml.Transforms.Generative().Flow(
            new FlowOptions { InputColumnName = "Pixels", ConvolutionChannels = 4, CouplingLayers = 2, MaxSteps = 1 }).Fit(Images());
        foreach (double wrong in (double[])[double.NaN, -1, 1e30])
        {
            AssertRefused("Temperature", () => model.Generate(1, new() { Temperature = wrong }));
            AssertRefused("Temperature", () => model.Interpolate(_row, _row, 2, new() { Temperature = wrong }));
        }

        AssertRefused("latent", () => model.Decode(_noNumber));
    }

    [Fact]
    public void Of_an_adversarial_network()
    {
        using GanTransformer model = _ml.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = "Pixels",
            Network = GanNetworkKind.Mlp,
            HiddenSizes = [4],
            LatentSize = 2,
            MaxSteps = 1,
        }).Fit(Images());
        AssertRefused("Truncation", () => model.Generate(1, new() { Truncation = 1e30 }));
        AssertRefused("truncation", () => model.SampleLatent(1, double.NaN));
        AssertRefused("latent", () => model.Decode([float.NaN, 0]));
        AssertRefused("from", () => model.Interpolate([float.NaN, 0], [1, 1], 2));
    }

    [Fact]
    public void Of_a_diffusion_model()
    {
        using DiffusionTransformer model = _ml.Transforms.Generative().Diffusion(
            TinyDiffusion.Options().With(o => o.MaxSteps = 1)).Fit(Images());
        AssertRefused("GuidanceScale", () => model.Generate(1, new() { GuidanceScale = 1e30 }));
        AssertRefused("GuidanceScale", () => _ml.Transforms.Generative().Diffusion(new DiffusionOptions { GuidanceScale = 1e6 }));
    }

    private static void AssertRefused(string name, Action call)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(call);
        Assert.Contains(name, error.ParamName ?? error.Message, StringComparison.OrdinalIgnoreCase);
    }

    private IDataView Images() => _ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, 8).Select(i => new Row { Pixels = [.. Enumerable.Range(0, Values).Select(p => (p + i) % 8 / 8f)] }).ToArray());

    private sealed class Row
    {
        [VectorType(1, 8, 8)]
        public float[] Pixels { get; set; } = [];
    }
}
