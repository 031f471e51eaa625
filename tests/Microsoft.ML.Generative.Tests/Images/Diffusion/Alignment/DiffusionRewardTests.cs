using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using TorchSharp;

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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Images_of_the_trained_model_have_more_reward(bool trainsAdapter)
    {
        DiffusionOptions ofBase = TinyDiffusion.Options();
        (ofBase.Network, ofBase.Epochs, ofBase.LearningRate) = (DiffusionNetworkKind.Dit, 20, 5e-3);
        using DiffusionTransformer start = TinyRewards.Train(ofBase);
        DiffusionRewardOptions options = TinyRewards.Options(start);
        // One update by each roll-out; so many steps that the last, which is not learned, hardly matters.
        const int images = 256, steps = 20;
        (options.Epochs, options.ImagesPerEpoch, options.BatchSize, options.Steps) = (12, images, images * (steps - 1), steps);
        (options.LearningRate, options.TransformBatchSize, options.Seed) = (5e-3, images, 1);
        options.Adapter = trainsAdapter ? new LoraOptions { Rank = 4, TargetModules = ["all-linear"] } : null;
        (DiffusionTransformer model, Reports reports) = Fit(options);
        using (model)
        {
            // From the same noise by the same steps: the differences of pairs have little spread.
            double[] before = Rewards(start), after = Rewards(model);
            double[] gains = [.. after.Zip(before, (a, b) => a - b)];
            double mean = gains.Average(), error = Math.Sqrt(gains.Average(g => (g - mean) * (g - mean)) / (gains.Length - 1));
            Assert.True(mean > 0.02 && mean > 4 * error, $"{before.Average()} + {mean} ± {error}");
        }

        Assert.True(reports.All[^1].LossTerms["reward"] > reports.All[0].LossTerms["reward"]);

        static double[] Rewards(DiffusionTransformer of) => TinyRewards.Left.Score(
            of.Generate(64, new() { Seed = 5, Sampler = DiffusionSampler.Ddpm, Steps = steps }), "Generated").ToArray();
    }

    [Fact]
    public void An_adapter_learns_beside_the_weights_of_its_base_which_is_the_reference()
    {
        using var folder = new TemporaryFolder();
        DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
        options.Adapter = new LoraOptions { Name = "left", Rank = 2, TargetModules = ["all-linear"] };
        (options.KlWeight, options.Seed) = (0.1, 1);
        Assert.Equal(1e-3, options.LearningRate);
        float[][] before = Generated(_base.Value.Generate(3, new() { Seed = 2 }));
        (DiffusionTransformer model, Reports reports) = Fit(options);
        using DiffusionTransformer disposing = model;
        Assert.Equal((1.0, 0.0), (reports.All[0].LossTerms["ratio"], reports.All[0].LossTerms["kl"]));
        Assert.True(reports.All[^1].LossTerms["kl"] > 0);
        Assert.Equal("left", model.ActiveAdapter);
        foreach ((torch.Tensor own, torch.Tensor shared) in _base.Value.Network.parameters().Zip(model.Networks.Base.parameters()))
            Assert.True(Unsafe.AreSame(ref MemoryMarshal.GetReference(own.bytes), ref MemoryMarshal.GetReference(shared.bytes)));
        Assert.Equal(before, Generated(_base.Value.Generate(3, new() { Seed = 2 })));

        MLContext ml = new(seed: 1);
        ml.Model.Save(model, null, folder.File("model.zip"));
        using var loaded = (DiffusionTransformer)ml.Model.Load(folder.File("model.zip"), out _);
        Assert.Equal("left", loaded.ActiveAdapter);
        Assert.Equal(Generated(model.Generate(2, new() { Seed = 2 })), Generated(loaded.Generate(2, new() { Seed = 2 })));

        // The adapter alone is trained further; its reference is the model as it was.
        DiffusionRewardOptions further = TinyRewards.Options(loaded);
        (further.MaxSteps, further.KlWeight) = (1, 1);
        (DiffusionTransformer second, Reports secondReports) = Fit(further);
        second.Dispose();
        Assert.Equal((1.0, 0.0), (secondReports.All[0].LossTerms["ratio"], secondReports.All[0].LossTerms["kl"]));

        further.Adapter = new LoraOptions { Name = "right" };
        Assert.Contains("BaseModel uses the adapter 'left'", Assert.ThrowsAny<ArgumentException>(() => Fit(further)).Message);
        further.Adapter = new LoraOptions { Dropout = 0.1 };
        Assert.Contains("Adapter.Dropout is 0.1; expected 0", Assert.ThrowsAny<ArgumentException>(() => Fit(further)).Message);
    }

    [Fact]
    public void Resuming_towards_another_reference_is_refused()
    {
        using var folder = new TemporaryFolder();
        DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
        (options.KlWeight, options.MaxSteps, options.Checkpoints) = (0.1, 2, new CheckpointOptions(folder.Path));
        Fit(options).Model.Dispose();
        DiffusionOptions other = TinyDiffusion.Options();
        other.Seed = 77;
        using DiffusionTransformer another = TinyRewards.Train(other);
        options.BaseModel = another;
        Assert.Contains("weights of the reference", Assert.Throws<InvalidOperationException>(() => Fit(options)).Message);
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

        LoraOptions adapter = new() { Rank = 1 };
        whole = Train("adapter", null, adapter);
        Assert.Empty(Train("adapter-cut", 6, adapter));
        Assert.Equal(whole, Train("adapter-cut", null, adapter));

        float[][] Train(string name, int? cancelAt, LoraOptions? adapter = null)
        {
            using var stop = new CancellationTokenSource();
            DiffusionRewardOptions options = TinyRewards.Options(_labeled.Value);
            (options.GuidanceScale, options.KlWeight, options.EpochsPerRollout, options.ClassStatisticsSize) = (2, 0.1, 2, 2);
            (options.Seed, options.CancellationToken, options.Adapter) = (1, stop.Token, adapter);
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
