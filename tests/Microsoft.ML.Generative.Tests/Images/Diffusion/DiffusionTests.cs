using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class DiffusionTests
{
    private const int Size = TinyImages.Height * TinyImages.Width;

    private static readonly MLContext _ml = new(seed: 1);

    private static readonly Lazy<DiffusionTransformer> _labeled = new(() => Fit(options =>
        (options.LabelColumnName, options.LabelCount, options.MaxSteps, options.LearningRate) = ("Number", 24, 60, 5e-3)));

    private static DiffusionTransformer Fit(Action<DiffusionOptions> configure)
    {
        DiffusionOptions options = TinyDiffusion.Options();
        configure(options);
        return _ml.Transforms.Generative().Diffusion(options).Fit(TinyImages.AsVectors(_ml, 24));
    }

    [Fact]
    public void Digits_are_learned_and_drawn_by_their_class()
    {
        using DiffusionTransformer model = _ml.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            LabelColumnName = "Label",
            Process = DiffusionProcess.FlowMatching,
            BlockChannels = [8, 16],
            AttentionLevels = [1],
            NormGroups = 4,
            MaxSteps = 220,
            BatchSize = 32,
            LearningRate = 3e-3,
            EmaDecay = 0.98,
            Seed = 1,
        }).Fit(SmallDigits.Load(_ml, 1_000, seed: 1));

        int[] labels = [.. Enumerable.Range(0, 60).Select(i => i % 10)];
        float[][] drawn = [.. model.Generate(60, new() { Labels = labels, GuidanceScale = 3, Steps = 15, Seed = 2 })
            .GetColumn<float[]>("Generated")];

        // The nearest of many digits is mostly of the class that was asked for, which by chance one in ten is.
        IDataView known = SmallDigits.Load(_ml, 1_000, seed: 3);
        float[][] images = [.. known.GetColumn<byte[]>("Image").Select(p => p.Select(v => v / 255f).ToArray())];
        int[] classes = [.. known.GetColumn<uint>("Label").Select(key => (int)key - 1)];
        int right = drawn.Where((image, i) => classes[Nearest(images, image)] == labels[i]).Count();
        Assert.True(right >= 36, $"{right} of 60");

        static int Nearest(float[][] all, float[] one) =>
            Enumerable.Range(0, all.Length).MinBy(i => System.Numerics.Tensors.TensorPrimitives.Distance<float>(all[i], one));
    }

    [Fact]
    public void A_image_depends_on_its_seed_and_number_and_not_on_those_drawn_with_it()
    {
        DiffusionTransformer model = _labeled.Value;
        float[][] all = Draw(model, 5, new() { Seed = 3, Label = 2, BatchSize = 5, Sampler = DiffusionSampler.Ddpm });
        float[][] few = Draw(model, 3, new() { Seed = 3, Label = 2, BatchSize = 2, Sampler = DiffusionSampler.Ddpm });
        AssertNear(all[..3], few, 1e-3);
        Assert.NotEqual(all[0], all[1]);
        Assert.NotEqual(all[0], Draw(model, 1, new() { Seed = 4, Label = 2, Sampler = DiffusionSampler.Ddpm })[0]);
    }

    public static TheoryData<DiffusionSampler> Samplers =>
        [.. Enum.GetValues<DiffusionSampler>().Where(s => s != DiffusionSampler.FlowMatchEuler)];

    [Theory]
    [MemberData(nameof(Samplers))]
    public void Every_sampler_draws_images(DiffusionSampler sampler)
    {
        float[][] drawn = Draw(
            _labeled.Value, 2, new() { Seed = 1, Label = 1, Sampler = sampler, Steps = 20, GuidanceScale = 1.5, GuidanceRescale = 0.5 });
        Assert.All(drawn, image => Assert.All(image, value => Assert.InRange(value, 0, 1)));
        Assert.NotEqual(drawn[0], drawn[1]);
    }

    [Fact]
    public void A_sampler_of_ones_own_is_as_good_as_its_name()
    {
        DiffusionTransformer model = _labeled.Value;
        using var own = new UniPcScheduler();
        AssertNear(
            Draw(model, 2, new() { Seed = 1, Label = 1, Sampler = DiffusionSampler.UniPc, Steps = 6 }),
            Draw(model, 2, new() { Seed = 1, Label = 1, Scheduler = own, Steps = 6 }), 0);
    }

    [Fact]
    public void A_changed_image_is_nearer_to_the_given_one_the_less_it_may_change()
    {
        DiffusionTransformer model = _labeled.Value;
        float[] image = Pixels(0);
        double Distance(double strength) =>
            model.ImageToImage(image, strength, 4, new() { Seed = 1, Label = 0, Steps = 20 }).GetColumn<float[]>("Generated")
                .Average(drawn => (double)System.Numerics.Tensors.TensorPrimitives.Distance<float>(drawn, image));
        Assert.Equal(0, Distance(0), 1e-5);
        Assert.True(Distance(0.2) < Distance(0.7), $"{Distance(0.2)}, {Distance(0.7)}");
        _ = model.ImageToImage(image, 0.75, 1, new() { Seed = 1, Label = 0, Steps = 10, Sampler = DiffusionSampler.Heun });
    }

    [Theory]
    [InlineData(DiffusionSampler.Ddim, 1)]
    [InlineData(DiffusionSampler.Ddpm, 3)]
    [InlineData(DiffusionSampler.Euler, 1)]
    [InlineData(DiffusionSampler.DpmSolver, 1)]
    public void What_is_not_masked_stays(DiffusionSampler sampler, int resamplings)
    {
        float[] image = Pixels(1), mask = [.. Enumerable.Range(0, Size).Select(i => i % TinyImages.Width < 4 ? 1f : 0f)];
        foreach (float[] drawn in _labeled.Value.Inpaint(
            image, mask, 2, new() { Seed = 1, Label = 1, Sampler = sampler, Steps = 8 }, resamplings).GetColumn<float[]>("Generated"))
        {
            for (int i = 0; i < Size; i++)
            {
                if (mask[i] == 0)
                    Assert.Equal(image[i], drawn[i], 1e-5f);
            }

            Assert.Contains(Enumerable.Range(0, Size), i => mask[i] == 1 && Math.Abs(image[i] - drawn[i]) > 1e-3);
        }
    }

    [Fact]
    public void Images_between_two_begin_with_the_one_and_end_with_the_other()
    {
        // A network that tells the noise of one value without a fault would come back exactly; this one nearly does.
        DiffusionTransformer model = _labeled.Value;
        float[] first = Pixels(0), last = Pixels(1);
        float[][] between = [.. model.Interpolate(first, last, 5, new() { Label = 0, Steps = 250, BatchSize = 3 })
            .GetColumn<float[]>("Generated")];
        Assert.Equal(5, between.Length);
        Assert.True(
            Distance(between[0], first) < Distance(between[0], last) / 2, $"{Distance(between[0], first)}, {Distance(between[0], last)}");
        Assert.True(
            Distance(between[4], last) < Distance(between[4], first) / 2, $"{Distance(between[4], last)}, {Distance(between[4], first)}");

        static double Distance(float[] a, float[] b) => System.Numerics.Tensors.TensorPrimitives.Distance<float>(a, b);
    }

    [Fact]
    public void Rows_are_drawn_by_their_seed_column()
    {
        using DiffusionTransformer model = Fit(options => (options.SeedColumnName, options.MaxSteps) = ("Number", 2));
        IDataView rows = _ml.Data.LoadFromEnumerable([new { Number = 5L }, new { Number = 6L }, new { Number = 5L }]);
        float[][] drawn = [.. model.Transform(rows).GetColumn<float[]>("Generated")];
        AssertNear([drawn[0]], [drawn[2]], 1e-4);
        Assert.NotEqual(drawn[0], drawn[1]);
    }

    [Fact]
    public void Small_images_are_enlarged()
    {
        // Of each image only which half is bright is told.
        IDataView rows = _ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 24).Select(i => new SmallRow { Pixels = Pixels(i), Small = Small(i % 2) }).ToArray());
        DiffusionOptions options = TinyDiffusion.Options();
        (options.LowResolutionColumnName, options.Process, options.MaxSteps, options.LearningRate) = (
            "Small", DiffusionProcess.FlowMatching, 250, 5e-3);
        using DiffusionTransformer model = _ml.Transforms.Generative().Diffusion(options).Fit(rows);

        foreach (int side in (int[])[0, 1])
        {
            float[] drawn = model.Generate(8, new() { Seed = 1, LowResolution = Small(side), Steps = 10 }).GetColumn<float[]>("Generated")
                .Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);
            double Half(int which) => Enumerable.Range(0, Size).Where(i => i % TinyImages.Width / 4 == which).Sum(i => drawn[i]);
            Assert.True(Half(side) > 1.5 * Half(1 - side), $"{Half(side)}, {Half(1 - side)}");
        }

        Assert.Equal(24, model.Transform(rows).GetColumn<float[]>("Generated").Count());
        Assert.Contains("LowResolution", Assert.Throws<ArgumentException>(() => model.Generate(1)).Message);
    }

    [Fact]
    public void Progress_shows_what_the_images_will_be()
    {
        List<DiffusionProgress> reports = [];
        var progress = new DirectProgress<DiffusionProgress>(reports.Add);
        float[] drawn = Draw(
            _labeled.Value, 3, new() { Seed = 1, Label = 1, Steps = 6, BatchSize = 2, PreviewInterval = 3, Progress = progress })[0];
        Assert.Equal(12, reports.Count);
        Assert.Equal([(0, 2), (2, 1)], reports.Select(r => (r.FirstImage, r.Images)).Distinct());
        Assert.Equal([3, 6], reports.Take(6).Where(r => r.Preview is not null).Select(r => r.Step));
        AssertNear([drawn], [reports[5].Preview!.GetColumn<float[]>("Generated").First()], 1e-4);
    }

    [Fact]
    public void Drawing_can_be_cancelled()
    {
        using var stopping = new CancellationTokenSource();
        var progress = new DirectProgress<DiffusionProgress>(report => stopping.Cancel());
        Assert.Throws<OperationCanceledException>(() =>
            Draw(_labeled.Value, 1, new() { Label = 1, Progress = progress, CancellationToken = stopping.Token }));
    }

    [Fact]
    public void What_does_not_fit_the_model_is_refused_by_name()
    {
        DiffusionTransformer model = _labeled.Value;
        void Refused(string named, Action action) => Assert.Contains(named, Assert.ThrowsAny<ArgumentException>(action).Message);
        Refused("0 to 23", () => model.Generate(1, new() { Label = 24 }));
        Refused("Labels has 2 values; expected 1", () => model.Generate(1, new() { Labels = [1, 2] }));
        Refused("GuidanceScale", () => model.Generate(1, new() { GuidanceScale = 2 }));
        Refused("FlowMatchEuler", () => model.Generate(1, new() { Sampler = DiffusionSampler.FlowMatchEuler }));
        Refused("Velocity", () =>
            model.Generate(1, new() { Scheduler = new DdimScheduler(new() { PredictionType = PredictionType.Velocity }) }));
        Refused("Steps", () => model.Generate(1, new() { Steps = 1001 }));
        Refused("Eta", () => model.Generate(1, new() { Eta = 0.5, Sampler = DiffusionSampler.Euler }));
        Refused("mask", () => model.Inpaint(Pixels(0), new float[3]));
        Refused("HeunScheduler", () => model.Inpaint(Pixels(0), new float[Size], options: new() { Sampler = DiffusionSampler.Heun }));
        Refused("resamplings", () =>
            model.Inpaint(Pixels(0), new float[Size], options: new() { Sampler = DiffusionSampler.Euler }, resamplings: 2));
        Refused("value 2", () => model.ImageToImage([.. Pixels(0).Select(_ => 2f)], 0.5));
        Refused("strength", () => model.ImageToImage(Pixels(0), 1.5));

        void RefusedOptions(string named, Action<DiffusionOptions> configure) => Refused(named, () => Fit(configure));
        RefusedOptions("BlockChannels", o => o.BlockChannels = [4, 8, 8]);
        RefusedOptions("AttentionLevels", o => o.AttentionLevels = [2]);
        RefusedOptions("RescaleBetasZeroSnr", o => o.NoiseSchedule = new() { RescaleBetasZeroSnr = true });
        RefusedOptions("Process", o => (o.Process, o.LearnsVariance) = (DiffusionProcess.FlowMatching, true));
        RefusedOptions("LabelCount", o => o.LabelCount = 3);
        RefusedOptions("LabelConditioning", o => o.LabelConditioning = DiffusionLabelConditioning.CrossAttention);
        RefusedOptions("patches", o => (o.Network, o.PatchSize) = (DiffusionNetworkKind.Dit, 5));
        RefusedOptions("Sampler", o => o.Sampler = DiffusionSampler.FlowMatchEuler);
        RefusedOptions("Sampler Pndm", o => (o.Sampler, o.Prediction, o.NoiseSchedule) = (
            DiffusionSampler.Pndm, PredictionType.Velocity, new() { RescaleBetasZeroSnr = true }));
        RefusedOptions("Sampler EulerAncestral", o => (o.Sampler, o.Prediction) = (DiffusionSampler.EulerAncestral, PredictionType.Sample));
        RefusedOptions("GuidanceScale", o => o.GuidanceScale = 2);
    }

    [Fact]
    public void A_new_model_tells_nothing_of_the_noise_and_a_trained_one_does()
    {
        IDataView data = TinyImages.AsVectors(_ml, 24);
        using DiffusionTransformer untrained = Fit(options => (options.MaxSteps, options.LearningRate) = (1, 1e-9));
        DiffusionMetrics before = _ml.Generative().EvaluateDiffusion(untrained, data, timesteps: 40, seed: 1);
        // The mean square of the noise itself.
        Assert.Equal(1, before.NoiseLoss, 0.1);
        Assert.Equal(4, before.NoiseLossByBand.Count);

        using DiffusionTransformer trained = Fit(options => (options.MaxSteps, options.LearningRate) = (150, 5e-3));
        DiffusionMetrics after = _ml.Generative().EvaluateDiffusion(trained, data, timesteps: 40, seed: 1);
        Assert.True(after.NoiseLoss < 0.5 * before.NoiseLoss, $"{after.NoiseLoss}");
        Assert.True(after.NoiseLossByBand[0] > after.NoiseLossByBand[3]);
        Assert.True(after.BitsPerDimension < before.BitsPerDimension, $"{after.BitsPerDimension}, {before.BitsPerDimension}");
        Assert.Equal(after.Loss, after.NoiseLoss, 1e-9);
    }

    [Fact]
    public void All_samplers_but_PNDM_generate_with_a_model_that_ends_with_nothing_but_noise()
    {
        using DiffusionTransformer model = Fit(o =>
            (o.MaxSteps, o.Prediction, o.NoiseSchedule) = (
                3, PredictionType.Velocity, new() { BetaSchedule = NoiseScheduleKind.Cosine, RescaleBetasZeroSnr = true }));
        foreach (DiffusionSampler sampler in Enum.GetValues<DiffusionSampler>().Except(
            [DiffusionSampler.FlowMatchEuler, DiffusionSampler.Pndm]))
        {
            foreach (int steps in (int[])[1, 4, 9])
            {
                Assert.Equal(2, Draw(
                    model, 2, new() { Seed = 1, Sampler = sampler, Steps = steps, Eta = sampler == DiffusionSampler.Ddim ? 1 : 0 }).Length);
            }
        }

        string message = Assert.ThrowsAny<ArgumentException>(() => model.Generate(0, new() { Sampler = DiffusionSampler.Pndm })).Message;
        Assert.Contains("PNDM", message);
        Assert.Contains("RescaleBetasZeroSnr", message);
    }

    [Fact]
    public void Image_to_image_works_at_every_strength_where_timesteps_are_equal()
    {
        DiffusionTransformer model = _labeled.Value;
        foreach (NoiseScheduler sampler in (NoiseScheduler[])[
            new DpmSolverMultistepScheduler(new() { UseKarrasSigmas = true }),
            new DpmSolverMultistepScheduler(new() { UseLuLambdas = true, SolverOrder = 3 }),
            new UniPcScheduler(new() { UseExponentialSigmas = true }), new PndmScheduler(),
            new PndmScheduler(new() { SkipPrkSteps = true }), new LmsScheduler()])
        {
            for (int steps = 0; steps <= 12; steps++)
            {
                List<int> taken = [];
                var progress = new DirectProgress<DiffusionProgress>(report => taken.Add(report.TotalSteps));
                float[] found = model.ImageToImage(
                    Pixels(0), steps / 12.0, 1, new() { Seed = 1, Label = 0, Steps = 12, Scheduler = sampler, Progress = progress })
                    .GetColumn<float[]>("Generated").Single();
                Assert.All(found, value => Assert.InRange(value, 0, 1));
                Assert.Equal(taken.Count, taken.FirstOrDefault());
                if (sampler is not PndmScheduler)
                    Assert.Equal(steps, taken.Count);
            }
        }
    }

    [Fact]
    public void Samples_are_written_while_training()
    {
        using var folder = new TemporaryFolder();
        using DiffusionTransformer model = Fit(options =>
            (options.SampleDirectory, options.SampleInterval, options.MaxSteps) = (folder.Path, 2, 5));
        Assert.Equal(["samples-000002.png", "samples-000004.png", "samples-000005.png"], Directory.GetFiles(folder.Path)
            .Select(Path.GetFileName).Order());
    }

    [Fact]
    public void The_loss_of_each_band_of_time_is_reported()
    {
        var reports = new Reports();
        using DiffusionTransformer model = Fit(options => (options.Progress, options.MaxSteps) = (reports, 3));
        Assert.Equal(["t 0-25%", "t 25-50%", "t 50-75%", "t 75-100%"], reports.All[^1].LossTerms.Keys.Order());
    }

    private static float[] Pixels(int row) => [.. TinyImages.Pixels(row, 1).Select(p => p / 255f)];

    private static float[] Small(int side) => side == 0 ? [0.6f, 0.05f] : [0.05f, 0.6f];

    private static float[][] Draw(DiffusionTransformer model, int count, DiffusionGenerateOptions options) =>
        [.. model.Generate(count, options).GetColumn<float[]>("Generated")];

    private static void AssertNear(float[][] expected, float[][] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.All(expected[i].Zip(found[i]), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    private sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }

    private sealed class SmallRow
    {
        [VectorType(1, TinyImages.Height, TinyImages.Width)]
        public float[] Pixels { get; set; } = [];

        [VectorType(1, 1, 2)]
        public float[] Small { get; set; } = [];
    }
}

[Collection(nameof(GlobalTorchState))]
public sealed class DiffusionMemoryTests
{
    private static readonly DiffusionOptions _options = CreateOptions();

    private static DiffusionOptions CreateOptions()
    {
        DiffusionOptions options = TinyDiffusion.Options();
        (options.LabelColumnName, options.LabelCount, options.EmaDecay) = ("Number", 24, 0.9);
        return options;
    }

    [Fact]
    public void Drawing_leaves_no_tensors_behind()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = TinyImages.AsVectors(ml, 16);
        using DiffusionTransformer model = ml.Transforms.Generative().Diffusion(_options).Fit(data);
        float[] image = new float[model.RowSize];
        long growth = TensorCounts.Growth(
            () =>
            {
                foreach (DiffusionSampler sampler in (DiffusionSampler[])
                [
                    DiffusionSampler.Ddpm, DiffusionSampler.DpmSolver, DiffusionSampler.Heun,
                ])
                    _ = model.Generate(3, new() { Label = 1, GuidanceScale = 2, Sampler = sampler, Steps = 6, BatchSize = 2 });
                _ = model.Transform(data).GetColumn<float[]>("Generated").Count();
                _ = model.Inpaint(image, image, options: new() { Label = 1, Steps = 4 }, resamplings: 2);
                _ = model.Interpolate(image, image, 3, new() { Label = 1, Steps = 4 });
            },
            times: 5);
        Assert.Equal(0, growth);
    }

    [Fact]
    public void Training_saving_and_loading_leave_no_tensors_behind()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = TinyImages.AsVectors(ml, 16);
        using DiffusionTransformer one = ml.Transforms.Generative().Diffusion(_options).Fit(data);
        // TorchSharp counts a parameter twice when it is made and once when it is disposed of; the memory itself is released.
        // There are four networks: the trained one, the loaded one, and two without memory, whose sizes are weighed and compared.
        long countedForNetworks = 4 * TensorCounts.Growth(() => one.Definition.Denoiser.Create().Dispose(), times: 4);
        long growth = TensorCounts.Growth(
            () =>
            {
                using DiffusionTransformer model = ml.Transforms.Generative().Diffusion(_options).Fit(data);
                using var file = new MemoryStream();
                ml.Model.Save(model, data.Schema, file);
                file.Position = 0;
                using var again = (IDisposable)ml.Model.Load(file, out _);
            },
            times: 4);
        Assert.Equal(countedForNetworks, growth);
    }
}
