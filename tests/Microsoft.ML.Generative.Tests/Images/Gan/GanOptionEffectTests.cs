using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>An option that is taken changes the model that comes out, with all the networks that it is for.</summary>
public class GanOptionEffectTests
{
    private static readonly GanNetworkKind[] _all = Enum.GetValues<GanNetworkKind>();
    private static readonly GanNetworkKind[] _convolutions = [GanNetworkKind.Dcgan, GanNetworkKind.Residual];

    // By the option: what both trainings have, and what the second one has besides.
    private static readonly Dictionary<string, (Action<GanOptions>? Both, Action<GanOptions> Change,
        GanNetworkKind[] Architectures)> _effects = new()
        {
            [nameof(GanOptions.Objective)] = (null, o => o.Objective = GanObjective.Hinge, _all),
            [nameof(GanOptions.LatentSize)] = (null, o => o.LatentSize = 5, _all),
            [nameof(GanOptions.BaseChannels)] = (null, o => o.BaseChannels = 3, _convolutions),
            [nameof(GanOptions.HiddenSizes)] = (null, o => o.HiddenSizes = [9], [GanNetworkKind.Mlp]),
            [nameof(GanOptions.DiscriminatorNormalization)] = (null, o => o.DiscriminatorNormalization = GanNormalization.None, _all),
            ["DiscriminatorNormalization Batch"] = (o => o.DiscriminatorNormalization = GanNormalization.None, o =>
                o.DiscriminatorNormalization = GanNormalization.Batch, [GanNetworkKind.Dcgan]),
            [nameof(GanOptions.LabelColumnName)] = (null, Label, _all),
            [nameof(GanOptions.LabelConditioning)] = (Label, o => o.LabelConditioning = GanLabelConditioning.Concatenation, _all),
            [nameof(GanOptions.GeneratorConditioning)] = (
            o => (o.LabelColumnName, o.LabelCount, o.GeneratorConditioning) = ("Label", 3, GanGeneratorConditioning.Concatenation),
            o => o.GeneratorConditioning = GanGeneratorConditioning.BatchNormalization, _convolutions),
            [nameof(GanOptions.LabelEmbeddingSize)] = (Label, o => o.LabelEmbeddingSize = 4, _all),
            [nameof(GanOptions.DiscriminatorSteps)] = (null, o => o.DiscriminatorSteps = 2, _all),
            ["DiscriminatorSteps with clipping"] = (o => o.Objective = GanObjective.Wasserstein, o => o.DiscriminatorSteps = 2, _all),
            [nameof(GanOptions.DiscriminatorLearningRate)] = (null, o => o.DiscriminatorLearningRate = 1e-2, _all),
            [nameof(GanOptions.WeightClip)] = (o => o.Objective = GanObjective.Wasserstein, o => o.WeightClip = 0.1, _all),
            [nameof(GanOptions.GradientPenaltyWeight)] = (
            o => o.Objective = GanObjective.WassersteinGradientPenalty, o => o.GradientPenaltyWeight = 100, _all),
            [nameof(GanOptions.R1Weight)] = (null, o => o.R1Weight = 1, _all),
            [nameof(GanOptions.R2Weight)] = (null, o => o.R2Weight = 1, _all),
            [nameof(GanOptions.PenaltyInterval)] = (o => o.R1Weight = 1, o => o.PenaltyInterval = 2, _all),
            [nameof(GanOptions.LabelSmoothing)] = (null, o => o.LabelSmoothing = 0.2, _all),
            [nameof(GanOptions.InstanceNoise)] = (null, o => o.InstanceNoise = 0.5, _all),
            [nameof(GanOptions.MinibatchStandardDeviation)] = (null, o => o.MinibatchStandardDeviation = true, _all),
            [nameof(GanOptions.Augmentation)] = (null, o => o.Augmentation = GanAugmentations.Cutout, _all),
            [nameof(GanOptions.AdaptiveAugmentation)] = (
            o => o.Augmentation = GanAugmentations.Cutout, o => o.AdaptiveAugmentation = true, _all),
            [nameof(GanOptions.AugmentationRows)] = (Adaptive, o => o.AugmentationRows = 16, _all),
            [nameof(GanOptions.EmaDecay)] = (null, o => o.EmaDecay = null, _all),
            [nameof(GanOptions.Truncation)] = (null, o => o.Truncation = 0.1, _all),
        };

    // What is drawn without the option, twice the same: many options have it in common.
    private static readonly Dictionary<(GanNetworkKind, Action<GanOptions>?), float[]> _without = [];

    public static TheoryData<string> Effects => [.. _effects.Keys];

    [Theory]
    [MemberData(nameof(Effects))]
    public void An_option_changes_the_model(string option)
    {
        var (both, change, architectures) = _effects[option];
        foreach (GanNetworkKind architecture in architectures)
        {
            if (!_without.TryGetValue((architecture, both), out float[]? without))
            {
                _without.Add((architecture, both), without = Drawn(architecture, both, null));
                Assert.Equal(without, Drawn(architecture, both, null));
            }

            Assert.False(without.SequenceEqual(Drawn(architecture, both, change)), $"{option} changes nothing with {architecture}.");
        }
    }

    private static void Label(GanOptions options) => (options.LabelColumnName, options.LabelCount) = ("Label", 3);

    // A discriminator that is soon right, and a probability that goes all the way in one step.
    private static void Adaptive(GanOptions options)
    {
        (options.Augmentation, options.AdaptiveAugmentation, options.AugmentationRows, options.AugmentationTarget) = (
            GanAugmentations.Cutout, true, 8, 0.001);
        (options.DiscriminatorLearningRate, options.MaxSteps) = (0.02, 10);
    }

    private static float[] Drawn(GanNetworkKind architecture, Action<GanOptions>? both, Action<GanOptions>? change)
    {
        var options = new GanOptions
        {
            Network = architecture,
            LatentSize = 4,
            BatchSize = 8,
            MaxSteps = 4,
            LearningRate = 1e-3,
            Seed = 2,
            Threads = 1,
        };
        if (architecture == GanNetworkKind.Mlp)
            options.HiddenSizes = [8];
        else
            options.BaseChannels = 2;
        both?.Invoke(options);
        change?.Invoke(options);
        var ml = new MLContext();
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 16).Select(i => new ImageRow
        {
            Image = [.. Enumerable.Range(0, 256).Select(p => (float)(0.5 + 0.5 * Math.Sin(p * 0.1 * (1 + i % 3) + i)))],
            Label = i % 3,
        }).ToArray());
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(data);
        return [.. model.Transform(data).GetColumn<float[]>("Generated").SelectMany(row => row)];
    }

    private sealed class ImageRow
    {
        [VectorType(1, 16, 16)]
        public float[] Image { get; set; } = [];

        public int Label { get; set; }
    }
}
