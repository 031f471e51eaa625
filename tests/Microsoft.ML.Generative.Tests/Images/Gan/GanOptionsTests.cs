using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;

namespace Microsoft.ML.Generative.Tests;

public class GanOptionsTests
{
    public static TheoryData<string, Action<GanOptions>> Refused => new()
    {
        { nameof(GanOptions.LabelSmoothing), o => (o.Objective, o.LabelSmoothing) = (GanObjective.Hinge, 0.1) },
        { nameof(GanOptions.R1Weight), o => (o.Objective, o.R1Weight) = (GanObjective.WassersteinGradientPenalty, 1) },
        { nameof(GanOptions.R2Weight), o => (o.Objective, o.R2Weight) = (GanObjective.Wasserstein, 1) },
        { nameof(GanOptions.PenaltyInterval), o => o.PenaltyInterval = 16 },
        { nameof(GanOptions.DiscriminatorNormalization), o => (o.DiscriminatorNormalization, o.R1Weight) = (GanNormalization.Batch, 1) },
        { nameof(GanOptions.DiscriminatorNormalization), o =>
            (o.DiscriminatorNormalization, o.Objective) = (GanNormalization.Batch, GanObjective.WassersteinGradientPenalty) },
        { nameof(GanOptions.DiscriminatorNormalization), o =>
            (o.DiscriminatorNormalization, o.Objective) = (GanNormalization.Spectral, GanObjective.Wasserstein) },
        { nameof(GanOptions.DiscriminatorNormalization), o =>
            (o.DiscriminatorNormalization, o.Network) = (GanNormalization.Batch, GanNetworkKind.Mlp) },
        { nameof(GanOptions.WeightClip), o => o.WeightClip = 0.1 },
        { nameof(GanOptions.GradientPenaltyWeight), o => o.GradientPenaltyWeight = 1 },
        { nameof(GanOptions.AdaptiveAugmentation), o => o.AdaptiveAugmentation = true },
        { nameof(GanOptions.MinibatchStandardDeviation), o => (o.MinibatchStandardDeviation, o.BatchSize) = (true, 1) },
        { nameof(GanOptions.EarlyStoppingPatience), o => o.EarlyStoppingPatience = 2 },
        { nameof(GanOptions.AdaptiveAugmentation), o =>
            (o.AdaptiveAugmentation, o.Augmentation, o.Objective) = (true, GanAugmentations.Color, GanObjective.Wasserstein) },
        { nameof(GanOptions.LabelCount), o => o.LabelCount = 3 },
        { nameof(GanOptions.LabelConditioning), o => o.LabelConditioning = GanLabelConditioning.Concatenation },
        { nameof(GanOptions.GeneratorConditioning), o => o.GeneratorConditioning = GanGeneratorConditioning.BatchNormalization },
        { nameof(GanOptions.DiscriminatorNormalization), o =>
            (o.DiscriminatorNormalization, o.Network) = (GanNormalization.Batch, GanNetworkKind.Residual) },
        { nameof(GanOptions.AugmentationTarget), o => o.AugmentationTarget = 0.5 },
        { nameof(GanOptions.AugmentationRows), o => o.AugmentationRows = 1000 },
        { nameof(GanOptions.LabelEmbeddingSize), o => o.LabelEmbeddingSize = 8 },
        { nameof(GanOptions.LabelSmoothing), o => o.LabelSmoothing = 0.6 },
        { nameof(GanOptions.Truncation), o => o.Truncation = 0 },
        { nameof(GanOptions.DiscriminatorSteps), o => o.DiscriminatorSteps = 0 },
        { nameof(GanOptions.Augmentation), o => o.Augmentation = (GanAugmentations)8 },
        { nameof(GanOptions.HiddenSizes), o => o.HiddenSizes = [] },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Options_that_do_not_go_together_are_refused_by_name(string option, Action<GanOptions> change)
    {
        var options = new GanOptions();
        change(options);
        var error = Assert.ThrowsAny<ArgumentException>(() => new MLContext().Transforms.Generative().Gan(options));
        Assert.StartsWith($"{option} is ", error.Message);
    }

    [Fact]
    public void Stopping_early_is_refused_since_no_loss_tells_when()
    {
        var ml = new MLContext();
        var options = new GanOptions { EarlyStoppingPatience = 2, ValidationData = ml.Data.LoadFromEnumerable(GanRows.Ring(8)) };
        var error = Assert.Throws<ArgumentException>(() => ml.Transforms.Generative().Gan(options));
        Assert.StartsWith("EarlyStoppingPatience is 2", error.Message);
    }

    [Fact]
    public void Sizes_of_fully_connected_layers_are_refused_for_networks_that_have_none()
    {
        var row = new RowShape(new ImageShape(1, 16, 16), 256);
        var error = Assert.Throws<ArgumentException>(() => GanRowChecks.Check(new GanOptions { HiddenSizes = [8, 4] }, row));
        Assert.StartsWith("HiddenSizes is [8, 4], but networks of kind Dcgan", error.Message);
    }

    [Fact]
    public void What_needs_images_is_refused_for_other_rows_by_name()
    {
        var ml = new MLContext();
        IDataView data = ml.Data.LoadFromEnumerable(GanRows.Ring(8));
        Assert.StartsWith("Network is Dcgan", Refusal(o => o.Network = GanNetworkKind.Dcgan));
        Assert.StartsWith("Augmentation is Color", Refusal(o => o.Augmentation = GanAugmentations.Color));
        Assert.StartsWith("GeneratorConditioning is BatchNormalization", Refusal(o =>
            (o.GeneratorConditioning, o.LabelColumnName) = (GanGeneratorConditioning.BatchNormalization, "Label")));

        Assert.StartsWith("BaseChannels is 8", Refusal(o => o.BaseChannels = 8));
        Assert.StartsWith("DiscriminatorNormalization is Batch", Refusal(o => o.DiscriminatorNormalization = GanNormalization.Batch));
        Assert.StartsWith("SampleDirectory is images", Refusal(o => o.SampleDirectory = "images"));

        string Refusal(Action<GanOptions> change)
        {
            var options = new GanOptions { InputColumnName = "Features" };
            change(options);
            return Assert.Throws<ArgumentException>(() => ml.Transforms.Generative().Gan(options).Fit(data)).Message;
        }
    }
}
