using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public class GanTests
{
    private static readonly ImageShape _shape = new(1, 16, 16);

    private static GanOptions Tiny() => new()
    {
        BaseChannels = 4,
        LatentSize = 6,
        BatchSize = 8,
        MaxSteps = 3,
        Seed = 2,
        Threads = 1,
    };

    private static IDataView Images(MLContext ml)
    {
        float[] values = new float[20 * _shape.Size];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(0.5 + 0.5 * Math.Sin(i * 0.01 + i / _shape.Size));
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new ImageRow
        {
            Image = values[(i * _shape.Size)..((i + 1) * _shape.Size)],
            Label = i % 3,
            Seed = i % 2,
        }));
    }

    public static TheoryData<string, Action<GanOptions>> Games => new()
    {
        { "defaults", _ => { } },
        { "least squares, smoothing, noise, two time-scales", o =>
            (o.Objective, o.LabelSmoothing, o.InstanceNoise, o.DiscriminatorLearningRate) = (GanObjective.LeastSquares, 0.1, 0.1, 4e-4) },
        { "hinge with adaptive augmentation", o => (o.Objective, o.Augmentation, o.AdaptiveAugmentation) = (
            GanObjective.Hinge, GanAugmentations.Color | GanAugmentations.Cutout | GanAugmentations.Translation, true) },
        { "wasserstein with several steps", o => (o.Objective, o.DiscriminatorSteps) = (GanObjective.Wasserstein, 3) },
        { "gradient penalty", o => o.Objective = GanObjective.WassersteinGradientPenalty },
        { "R1 and R2, lazy, minibatch deviation", o =>
            (o.R1Weight, o.R2Weight, o.PenaltyInterval, o.MinibatchStandardDeviation) = (1, 1, 2, true) },
        { "batch normalization", o => o.DiscriminatorNormalization = GanNormalization.Batch },
        { "labels by projection and conditional batch normalization", o =>
            (o.LabelColumnName, o.LabelCount, o.GeneratorConditioning) = ("Label", 3, GanGeneratorConditioning.BatchNormalization) },
        { "labels by concatenation with R1", o =>
            (o.LabelColumnName, o.LabelCount, o.LabelConditioning, o.R1Weight) = ("Label", 3, GanLabelConditioning.Concatenation, 1) },
        { "residual networks with classes, R1 and spectral normalization", o =>
            (o.Network, o.LabelColumnName, o.LabelCount, o.R1Weight) = (GanNetworkKind.Residual, "Label", 3, 1) },
        { "residual networks with labels by concatenation in BFloat16", o =>
            (o.Network, o.LabelColumnName, o.LabelCount, o.LabelConditioning, o.Precision) = (
                GanNetworkKind.Residual, "Label", 3, GanLabelConditioning.Concatenation, ComputePrecision.BFloat16) },
        { "residual networks, gradient penalty, minibatch deviation", o => (o.Network, o.Objective, o.MinibatchStandardDeviation) = (
            GanNetworkKind.Residual, GanObjective.WassersteinGradientPenalty, true) },
        { "fully connected, BFloat16", o =>
            (o.Network, o.HiddenSizes, o.BaseChannels, o.Precision) = (GanNetworkKind.Mlp, [8], 64, ComputePrecision.BFloat16) },
        { "gradient penalty in BFloat16", o =>
            (o.Objective, o.Precision) = (GanObjective.WassersteinGradientPenalty, ComputePrecision.BFloat16) },
        { "accumulated gradients", o => (o.GradientAccumulationSteps, o.BatchSize) = (2, 4) },
    };

    [Theory]
    [MemberData(nameof(Games))]
    public void Every_game_trains_draws_and_reports_how_it_stands(string name, Action<GanOptions> change)
    {
        Assert.NotEmpty(name);
        var ml = new MLContext();
        GanOptions options = Tiny();
        var reports = new Reports();
        options.Progress = reports;
        change(options);
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(Images(ml));

        Assert.Equal(3, reports.All[^1].Step);
        foreach (string term in (string[])
        [
            "generator", "gradient of discriminator", "gradient of generator", GanHealth.RealAccuracy, GanHealth.GeneratedAccuracy,
            GanHealth.Diversity,
        ])
            Assert.True(double.IsFinite(reports.All[0].LossTerms[term]), term);
        float[][] drawn = Draw(model, 3, new() { Seed = 1, Label = options.LabelColumnName is null ? null : 1 });
        Assert.All(drawn.SelectMany(row => row), v => Assert.InRange(v, 0, 1));
        Assert.NotEqual(drawn[0], drawn[1]);
    }

    [Fact]
    public void A_fixed_z_gives_the_same_image_after_saving_and_loading()
    {
        var ml = new MLContext();
        GanOptions options = Tiny();
        (options.LabelColumnName, options.LabelCount, options.GeneratorConditioning) = (
            "Label", 3, GanGeneratorConditioning.BatchNormalization);
        IDataView data = Images(ml);
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(data);
        using var file = new MemoryStream();
        ml.Model.Save(model, data.Schema, file);
        file.Position = 0;
        using var loaded = (GanTransformer)new MLContext().Model.Load(file, out _);

        float[] z = model.SampleLatent(7);
        Assert.Equal(model.Decode(z, 2), loaded.Decode(z, 2));
        Assert.Equal(
            Draw(model, 5, new() { Seed = 3, Labels = [0, 1, 2, 0, 1] }), Draw(loaded, 5, new() { Seed = 3, Labels = [0, 1, 2, 0, 1] }));
    }

    [Fact]
    public void A_image_depends_on_seed_and_number_alone_and_truncation_keeps_z_near_0()
    {
        var ml = new MLContext();
        using GanTransformer model = ml.Transforms.Generative().Gan(Tiny()).Fit(Images(ml));
        float[][] many = Draw(model, 5, new() { Seed = 3, BatchSize = 2 }), few = Draw(model, 2, new() { Seed = 3 });
        Assert.All(many[1].Zip(few[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(model.Decode(model.SampleLatent(3)).Zip(few[0]), pair => Assert.Equal(pair.First, pair.Second, 1e-5));

        float[] truncated = [.. Enumerable.Range(0, 50).SelectMany(seed => model.SampleLatent(seed, 0.5))];
        Assert.All(truncated, v => Assert.InRange(v, -0.5f, 0.5f));
        Assert.InRange(truncated.Average(), -0.06, 0.06);
        Assert.Equal(0.5 / Math.Sqrt(3), Math.Sqrt(truncated.Average(v => v * v)), 0.03);
    }

    [Fact]
    public void A_walk_begins_and_ends_at_its_ends()
    {
        var ml = new MLContext();
        using GanTransformer model = ml.Transforms.Generative().Gan(Tiny()).Fit(Images(ml));
        float[] from = model.SampleLatent(1), to = model.SampleLatent(2);
        float[][] walk = [.. model.Interpolate(from, to, 5).GetColumn<float[]>("Generated")];
        Assert.Equal(5, walk.Length);
        Assert.All(walk[0].Zip(model.Decode(from)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(walk[4].Zip(model.Decode(to)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void The_z_of_a_image_that_the_model_drew_is_found_again()
    {
        var ml = new MLContext();
        GanOptions options = Tiny();
        (options.LabelColumnName, options.LabelCount) = ("Label", 3);
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(Images(ml));
        // Further from each other than an untrained network's images are, which all look alike.
        using (torch.no_grad())
        {
            foreach (var weights in model.Network.parameters().Where(p => p.dim() > 1))
                weights.mul_(8);
            using var noise = new torch.Generator(1);
            GeneratorAverages.Renew(model.Network, model.Definition.Architecture, options.BatchSize, torch.CPU, noise);
        }

        float[] image = model.Decode(model.SampleLatent(5), 1);
        float[] found = model.Project(image, new() { Label = 1, Seed = 1 });
        double Distance(float[] other) => image.Zip(other).Average(p => Math.Pow(p.First - p.Second, 2));
        double nearest = Enumerable.Range(6, 20).Min(seed => Distance(model.Decode(model.SampleLatent(seed), 1)));
        Assert.True(Distance(model.Decode(found, 1)) < 0.05 * nearest, $"{Distance(model.Decode(found, 1))} against {nearest}");
    }

    [Fact]
    public void Rows_with_a_seed_column_get_the_image_of_their_seed_and_class()
    {
        var ml = new MLContext();
        GanOptions options = Tiny();
        (options.LabelColumnName, options.LabelCount, options.SeedColumnName) = ("Label", 3, "Seed");
        IDataView data = Images(ml);
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(data);
        float[][] rows = [.. model.Transform(ml.Transforms.DropColumns("Image").Fit(data).Transform(data)).GetColumn<float[]>("Generated")];
        // Rows 0, 6, 12, 18 have label 1 and seed 0; row 2 has another label, row 3 another seed.
        Assert.All(rows[0].Zip(rows[6]), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.NotEqual(rows[0], rows[2]);
        Assert.NotEqual(rows[0], rows[3]);
    }

    [Fact]
    public void Rows_of_another_size_than_those_learned_are_refused()
    {
        var ml = new MLContext();
        var options = new GanOptions { InputColumnName = "Features", LatentSize = 3, BatchSize = 8, MaxSteps = 1, Seed = 1, Threads = 1 };
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(ml.Data.LoadFromEnumerable(GanRows.Ring(8)));
        IDataView wide = ml.Transforms.Concatenate("Features", "Length", "Width", "Length").Fit(Table()).Transform(Table());
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => model.Transform(wide));
        Assert.Contains("Column 'Features' has 3 values per row; the model was trained on 2", error.Message);

        IDataView Table() => ml.Data.LoadFromEnumerable([new TableRow()]);
    }

    [Fact]
    public void Columns_of_a_table_are_learned_as_one_vector()
    {
        var ml = new MLContext();
        IDataView rows = ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 40).Select(i => new TableRow { Length = i % 7, Width = i % 5, Kind = i % 2 }));
        var options = new GanOptions
        {
            InputColumnName = "Features",
            LabelColumnName = "Kind",
            LabelCount = 2,
            LatentSize = 3,
            BatchSize = 8,
            MaxSteps = 3,
            Seed = 1,
            Threads = 1,
        };
        var pipeline = ml.Transforms.Concatenate("Features", "Length", "Width")
            .Append(ml.Transforms.NormalizeMinMax("Features"))
            .Append(ml.Transforms.Generative().Gan(options));
        using GanTransformer model = pipeline.Fit(rows).LastTransformer;
        Assert.Equal([2, 2, 2], Draw(model, 3, new() { Seed = 1, Label = 1 }).Select(row => row.Length));
    }

    [Fact]
    public void Labels_that_cannot_be_are_refused()
    {
        var ml = new MLContext();
        using GanTransformer without = ml.Transforms.Generative().Gan(Tiny()).Fit(Images(ml));
        Assert.Contains("without labels", Assert.Throws<ArgumentException>(() => without.Generate(1, new() { Label = 0 })).Message);

        GanOptions options = Tiny();
        (options.LabelColumnName, options.LabelCount) = ("Label", 3);
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(Images(ml));
        Assert.Contains("expected one of 0 to 2", Assert.Throws<ArgumentException>(() => model.Generate(1)).Message);
        Assert.Contains(
            "Label is 3; expected 0 to 2", Assert.Throws<ArgumentException>(() => model.Generate(1, new() { Label = 3 })).Message);
        Assert.Contains("Labels[1] is -1", Assert.Throws<ArgumentException>(() => model.Generate(2, new() { Labels = [0, -1] })).Message);
        Assert.Contains("Labels has 3 values; expected 2", Assert.Throws<ArgumentException>(() =>
            model.Generate(2, new() { Labels = [0, 1, 2] })).Message);
    }

    private static float[][] Draw(GanTransformer model, int count, GanGenerateOptions options) =>
        [.. model.Generate(count, options).GetColumn<float[]>("Generated")];

    private sealed class ImageRow
    {
        [VectorType(1, 16, 16)]
        public float[] Image { get; set; } = [];

        public int Label { get; set; }

        public int Seed { get; set; }
    }

    private sealed class TableRow
    {
        public float Length { get; set; }

        public float Width { get; set; }

        public int Kind { get; set; }
    }
}
