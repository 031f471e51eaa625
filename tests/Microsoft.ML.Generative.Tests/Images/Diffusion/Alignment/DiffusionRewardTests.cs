using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class DiffusionRewardTests
{
    private static readonly Lazy<DiffusionTransformer> _base = new(() => TinyRewards.Train(TinyDiffusion.Options()));

    private static readonly Lazy<DiffusionTransformer> _labeled = new(() =>
    {
        DiffusionOptions options = TinyDiffusion.Options();
        (options.LabelColumnName, options.LabelCount) = ("Number", 24);
        return TinyRewards.Train(options);
    });

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, true)]
    public void The_ratio_of_unchanged_weights_is_1_to_the_bit(double guidance, bool hasLabels)
    {
        DiffusionRewardOptions options = TinyRewards.Options(hasLabels ? _labeled.Value : _base.Value);
        // Batches that are no multiple of anything.
        (options.MaxSteps, options.BatchSize, options.GradientAccumulationSteps, options.KlWeight) = (1, 5, 100, 1);
        (options.GuidanceScale, options.Steps) = (guidance, 6);
        TrainingProgress first = Fit(options).Reports.All[0];
        Assert.Equal(1.0, first.LossTerms["ratio"]);
        Assert.Equal(0.0, first.LossTerms["clipfrac"]);
        Assert.Equal(0.0, first.LossTerms["approxkl"]);
        Assert.Equal(0.0, first.LossTerms["kl"]);
        Assert.True(first.LossTerms["reward std"] > 0);
        // Advantages of mean 0 at a ratio of 1: nothing but rounding.
        Assert.Equal(0, first.Loss, 1e-5);
    }

    [Fact]
    public void The_weight_of_the_divergence_holds_the_model_near_its_base()
    {
        double Divergence(double weight)
        {
            DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
            (options.Epochs, options.ImagesPerEpoch, options.BatchSize, options.Steps) = (6, 32, 64, 3);
            (options.LearningRate, options.KlWeight, options.ClipRange, options.Seed) = (5e-3, weight, 1e-2, 1);
            return Fit(options).Reports.All[^1].LossTerms["kl"];
        }

        double free = Divergence(1e-9), held = Divergence(30);
        Assert.True(held < free / 3, $"{held} of {free}");
    }

    [Fact]
    public void The_trained_model_generates_by_the_steps_that_were_trained_and_the_base_stays_as_it_is()
    {
        MLContext ml = new(seed: 1);
        float[][] before = Generated(_base.Value.Generate(3, new() { Seed = 2 }));
        using DiffusionTransformer model = Fit(TinyRewards.Options(_base.Value)).Model;
        Assert.Equal(before, Generated(_base.Value.Generate(3, new() { Seed = 2 })));
        float[][] byDefault = Generated(model.Generate(3, new() { Seed = 2 }));
        Assert.Equal(byDefault, Generated(model.Generate(3, new() { Seed = 2, Sampler = DiffusionSampler.Ddpm, Steps = 4 })));
        Assert.NotEqual(before, byDefault);
    }

    [Fact]
    public void Validation_scores_the_reward_of_images_from_the_same_noise()
    {
        MLContext ml = new(seed: 1);
        DiffusionRewardOptions options = TinyRewards.Options(_labeled.Value);
        // Weights that stay: every epoch has the same images.
        (options.LearningRate, options.WeightDecay) = (1e-30, 0);
        options.ValidationData = TinyImages.AsVectors(ml, 5);
        Reports reports = Fit(options).Reports;
        double[] losses = [.. reports.All.Where(r => r.ValidationLoss is not null).Select(r => r.ValidationLoss!.Value)];
        Assert.Equal(2, losses.Length);
        Assert.Equal(losses[0], losses[1]);
        Assert.InRange(losses[0], -1, 1);
    }

    [Fact]
    public void Classes_are_those_of_the_data_and_the_reward_sees_their_names()
    {
        HashSet<string?> seen = [];
        DiffusionRewardOptions options = TinyRewards.Options(_labeled.Value);
        options.Reward = ImageReward.FromFunction(image =>
        {
            seen.Add(image.ClassName);
            return image[0, 0, 0];
        });
        MLContext ml = new(seed: 1);
        IDataView data = ml.Data.TakeRows(ml.Data.SkipRows(TinyImages.AsVectors(ml, 24), 3), 2);
        ml.Transforms.Generative().DiffusionReward(options).Fit(data).Dispose();
        Assert.Equal(["3", "4"], seen.Order());
    }

    [Fact]
    public void Guided_roll_outs_of_classes_resume_exactly_wherever_they_are_interrupted()
    {
        using var folders = new TemporaryFolder();
        float[][] whole = Train("whole", null);
        // The first step and the last, before and after a checkpoint, and within an epoch.
        foreach (int step in (int[])[1, 5, 6, 8, 11])
        {
            Assert.Empty(Train($"cut-{step}", step));
            Assert.Equal(whole, Train($"cut-{step}", null));
        }

        float[][] Train(string name, int? cancelAt)
        {
            using var stop = new CancellationTokenSource();
            DiffusionRewardOptions options = TinyRewards.Options(_labeled.Value);
            (options.GuidanceScale, options.KlWeight, options.EpochsPerRollout, options.ClassStatisticsSize) = (2, 0.1, 2, 2);
            (options.Seed, options.CancellationToken) = (1, stop.Token);
            options.Checkpoints = new CheckpointOptions(folders.File(name)) { Steps = 5 };
            options.Progress = new Reports { OnReport = report => { if (report.Step == cancelAt) stop.Cancel(); } };
            // Fewer rows than classes, and than images of a roll-out: they come up again.
            MLContext ml = new();
            try
            {
                using DiffusionTransformer model = ml.Transforms.Generative().DiffusionReward(options).Fit(TinyImages.AsVectors(ml, 5));
                return Generated(model.Generate(2, new() { Seed = 1, Labels = [0, 1] }));
            }
            catch (OperationCanceledException)
            {
                return [];
            }
        }
    }

    [Fact]
    public void What_cannot_be_trained_is_refused_by_name_before_any_work()
    {
        Refuse("Reward is not set", o => o.Reward = null);
        Refuse("BaseModel is not set", o => o.BaseModel = null);
        Refuse("Steps is 1;", o => o.Steps = 1);
        Refuse("Steps is 2000; the base model has 1000", o => o.Steps = 2000);
        Refuse("GuidanceScale is 2: guidance needs", o => o.GuidanceScale = 2);
        Refuse("ImagesPerEpoch is 1", o => o.ImagesPerEpoch = 1);
        Refuse("EpochsPerRollout is 0", o => o.EpochsPerRollout = 0);
        Refuse("ClassStatisticsSize is 1", o => o.ClassStatisticsSize = 1);
        Refuse("AdvantageClip is 0", o => o.AdvantageClip = 0);
        Refuse("ClipRange is NaN", o => o.ClipRange = double.NaN);
        Refuse("KlWeight is -1", o => o.KlWeight = -1);
        DiffusionOptions flow = TinyDiffusion.Options();
        flow.Process = DiffusionProcess.FlowMatching;
        using DiffusionTransformer matching = TinyRewards.Train(flow);
        Refuse("BaseModel is of FlowMatching", o => o.BaseModel = matching);

        // A reward that does not fit is found before the first image.
        DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
        MLContext ml = new();
        IDataView images = ml.Data.LoadFromEnumerable([new TinyRewards.Row()]);
        ITransformer nothing = ml.Transforms.CopyColumns("Copy", "Image").Fit(images);
        options.Reward = ImageReward.Weighted((1, ImageReward.FromModel(nothing)));
        Assert.Contains("'Score'", Assert.ThrowsAny<ArgumentException>(() => Fit(options)).Message);

        static void Refuse(string text, Action<DiffusionRewardOptions> change)
        {
            DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
            change(options);
            GenerativeTransformsCatalog catalog = new MLContext().Transforms.Generative();
            Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(() => catalog.DiffusionReward(options)).Message);
        }
    }

    private static (DiffusionTransformer Model, Reports Reports) Fit(DiffusionRewardOptions options)
    {
        MLContext ml = new(seed: 1);
        var reports = new Reports();
        options.Progress = reports;
        DiffusionTransformer model = ml.Transforms.Generative().DiffusionReward(options).Fit(TinyImages.AsVectors(ml, 24));
        return (model, reports);
    }

    private static float[][] Generated(IDataView data) => [.. data.GetColumn<float[]>("Generated")];
}
