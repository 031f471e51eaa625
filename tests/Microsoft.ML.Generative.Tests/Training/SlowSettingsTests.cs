using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Tests;

public sealed class SlowSettingsTests
{
    [Theory]
    [InlineData(ComputePrecision.BFloat16, null, false, "Precision is BFloat16")]
    [InlineData(ComputePrecision.BFloat16, 8, true, null)]
    [InlineData(ComputePrecision.Auto, 8, false, null)]
    [InlineData(ComputePrecision.Float32, 9, true, "Threads is 9, but this process may use 8 processors")]
    public void Slow_settings_are_named(ComputePrecision precision, int? threads, bool hasInstructions, string? beginning)
    {
        string[] found = [.. SlowSettings.Find(precision, threads, hasInstructions, processors: 8)];
        Assert.Equal(beginning is null ? [] : [beginning], found.Select(sentence => sentence[..beginning!.Length]));
    }

    [Fact]
    public void A_training_says_each_once()
    {
        var ml = new MLContext(seed: 1);
        var warnings = new List<string>();
        ml.Log += (_, e) =>
        {
            if (e.Message.Contains("Precision is BFloat16", StringComparison.Ordinal))
                warnings.Add(e.Message);
        };
        // Two loops, of the autoencoder and of the prior.
        using VqVaeTransformer model = ml.Transforms.Generative().VqVae(new()
        {
            InputColumnName = "Pixels",
            HiddenChannels = 8,
            ResidualBlocks = 1,
            CodebookSize = 8,
            MaxSteps = 1,
            PriorMaxSteps = 1,
            BatchSize = 4,
            Precision = ComputePrecision.BFloat16,
            Threads = 1,
        }).Fit(TinyImages.AsVectors(ml, 4));
        Assert.Equal(MixedPrecision.HasBFloat16Instructions ? 0 : 1, warnings.Count);
    }
}
