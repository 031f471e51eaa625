using Microsoft.ML.Data;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Checkpoints;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Defaults that a processor trains within minutes, and what the log says of the time.</summary>
public sealed class TrainingDefaultsTests
{
    [Fact]
    public void A_training_without_epochs_and_steps_is_bounded_on_a_cpu_alone()
    {
        Assert.Equal(2_500, new DiffusionOptions().StepsIn(1_000));
        Assert.Equal(50, new DiffusionOptions().StepsIn(1));
        Assert.Equal(50_000, new DiffusionOptions { IsOnGpu = true }.StepsIn(1_000));
        Assert.Equal(3_000, new DiffusionOptions { Epochs = 3 }.StepsIn(1_000));
        Assert.Equal(50_000, new DiffusionOptions { Epochs = 50 }.StepsIn(1_000));
        Assert.Equal(9_000, new DiffusionOptions { MaxSteps = 9_000 }.StepsIn(1_000));
        Assert.Equal(10_000, new VaeOptions().StepsIn(1_000));
        Assert.Equal(2_000, new TextClassificationOptions().StepsIn(1_000));
        Assert.Equal(2_000, new SequenceToSequenceOptions().StepsIn(1_000));

        // A flow of images; tables are learned in seconds.
        Assert.Equal(50_000, new FlowOptions().StepsIn(1_000));
        Assert.Equal(1_000, new FlowOptions { LearnsImages = true }.StepsIn(1_000));
        Assert.Equal(50, new FlowOptions { LearnsImages = true }.StepsIn(1));
        Assert.Equal(2_000, new FlowOptions { LearnsImages = true, Epochs = 2 }.StepsIn(1_000));
        Assert.Equal(50_000, new FlowOptions { LearnsImages = true, IsOnGpu = true }.StepsIn(1_000));

        // The prior of a VQ-VAE has a bound of its own.
        Assert.Equal(1_000, new VqVaeOptions().StepsIn(1_000));
        Assert.Equal(1_500, new VqVaeOptions().ForPrior().StepsIn(1_000));
        Assert.Equal(2_000, new VqVaeOptions { PriorEpochs = 2 }.ForPrior().StepsIn(1_000));
        Assert.Equal(1_500, new VqVaeOptions { Epochs = 7 }.ForPrior().StepsIn(1_000));
        Assert.Equal(20_000, new VqVaeOptions { IsOnGpu = true }.ForPrior().StepsIn(1_000));
    }

    [Theory]
    [InlineData(false, 1_500 * 50)]
    [InlineData(true, 1_000)]
    public void A_flow_is_bounded_where_its_column_holds_images(bool areImages, long expected)
    {
        MLContext ml = new(seed: 1);
        using var stop = new CancellationTokenSource();
        var reports = new Reports { OnReport = _ => stop.Cancel() };
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Square));
        if (!areImages)
            schema[nameof(Square.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 4);
        IDataView data = ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, 1_500).Select(i => new Square { Features = [i % 7, i % 5, i % 3, i % 2] }), schema);
        FlowOptions options = new()
        {
            CouplingLayers = 1,
            HiddenSizes = [2],
            ConvolutionChannels = 2,
            BatchSize = 1,
            Progress = reports,
            CancellationToken = stop.Token,
        };
        Assert.Throws<OperationCanceledException>(() => ml.Transforms.Generative().Flow(options).Fit(data));
        Assert.Equal(expected, reports.All[0].TotalSteps);
    }

    [Fact]
    public void Sizes_follow_from_the_device_where_they_are_not_set()
    {
        DiffusionOptions diffusion = new();
        Assert.Equal(([16, 32, 64], 32), (diffusion.BlockChannels, diffusion.BatchSize), Same);
        DiffusionOptions onGpu = diffusion.Copy();
        onGpu.IsOnGpu = true;
        Assert.Equal(([32, 64, 128], 64), (onGpu.BlockChannels, onGpu.BatchSize), Same);
        onGpu.BlockChannels = [8, 8];
        Assert.Equal([8, 8], onGpu.Copy().BlockChannels);

        LanguageModelOptions text = new();
        Assert.Equal((4, 4, 128, 128), (text.Layers, text.Heads, text.EmbeddingSize, text.ContextLength));
        text.Layers = 2;
        text.IsOnGpu = true;
        Assert.Equal(LanguageModelArchitecture.GptNano with { Layers = 2 }, text.Architecture);
        text.Architecture = LanguageModelArchitecture.LlamaNano;
        text.ContextLength = 32;
        Assert.Equal(LanguageModelArchitecture.LlamaNano with { ContextLength = 32 }, text.Architecture);

        static bool Same((int[] Channels, int Batch) a, (int[] Channels, int Batch) b) =>
            a.Batch == b.Batch && a.Channels.SequenceEqual(b.Channels);
    }

    [Fact]
    public void A_checkpoint_of_a_bounded_training_is_not_one_of_all_epochs()
    {
        Assert.Equal(2_500, SavedOptions.Of(new DiffusionOptions())["stepLimit"]!.GetValue<long>());
        Assert.False(SavedOptions.Of(new DiffusionOptions { Epochs = 50 }).ContainsKey("stepLimit"));
        Assert.False(SavedOptions.Of(new DiffusionOptions { MaxSteps = 9 }).ContainsKey("stepLimit"));
        Assert.False(SavedOptions.Of(new DiffusionOptions { IsOnGpu = true }).ContainsKey("stepLimit"));
        Assert.Equal(1_500, SavedOptions.Of(new VqVaeOptions())["priorStepLimit"]!.GetValue<long>());

        // It is resumed by the same options.
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            MLContext ml = new(seed: 1);
            IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 4).Select(i => new Row { Image = [i / 4f, 0, 1] }).ToArray());
            GanOptions options = new() { HiddenSizes = [4], LatentSize = 2, Checkpoints = new CheckpointOptions(folder) };
            ml.Transforms.Generative().Gan(options).Fit(data).Dispose();
            ml.Transforms.Generative().Gan(options).Fit(data).Dispose();
            options.Epochs = 50;
            Assert.Contains(
                "StepLimit",
                Assert.Throws<InvalidOperationException>(() => ml.Transforms.Generative().Gan(options).Fit(data)).Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_long_training_on_a_cpu_tells_what_makes_it_shorter()
    {
        DiffusionOptions options = new() { LabelCount = 10 };
        Assert.Equal("The training will take about 40 seconds.", Describe(TimeSpan.FromSeconds(40), DeviceType.CPU));
        Assert.Equal("The training will take about 8 minutes.", Describe(TimeSpan.FromMinutes(8.2), DeviceType.CPU));
        Assert.Equal("The training will take about 17 hours.", Describe(TimeSpan.FromHours(17), DeviceType.CUDA));
        string advice = Describe(TimeSpan.FromHours(17), DeviceType.CPU);
        Assert.StartsWith(
            "The training will take about 17 hours. To make it shorter, lower Epochs (50), BlockChannels ([16, 32, 64]), ", advice);
        Assert.Contains("LayersPerBlock (1)", advice);
        // Any number of epochs would lift the limit of steps, and make the training longer.
        Assert.Contains("lower MaxSteps (2500), BlockChannels", Describe(TimeSpan.FromHours(17), DeviceType.CPU, steps: 2_500));
        options.Epochs = 49;
        Assert.Contains("lower Epochs (49), BlockChannels", Describe(TimeSpan.FromHours(17), DeviceType.CPU, steps: 2_500));
        string vqVae = TrainingEstimate.Describe(TimeSpan.FromHours(1), 1_000, new VqVaeOptions(), DeviceType.CPU);
        Assert.Contains("lower MaxSteps (1000), PriorMaxSteps (1500), HiddenChannels", vqVae);
        options.MaxSteps = 100_000;
        Assert.Contains("lower MaxSteps (100000), BlockChannels", Describe(TimeSpan.FromHours(17), DeviceType.CPU));
        // What is not set cannot be lowered.
        string text = TrainingEstimate.Describe(TimeSpan.FromHours(2), 2_000, new LanguageModelOptions(), DeviceType.CPU);
        Assert.DoesNotContain("VocabularySize", text);

        string Describe(TimeSpan time, DeviceType device, long steps = 1_000) =>
            TrainingEstimate.Describe(time, steps, options, device);
    }

    [Fact]
    public void The_log_says_after_ten_steps_how_long_the_training_takes()
    {
        MLContext ml = new(seed: 1);
        List<string> log = Logs.Of(ml);
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Row { Image = [i / 8f, 0, 1] }).ToArray());
        var reports = new Reports();
        VaeOptions options = new() { HiddenSizes = [4], LatentSize = 2, BatchSize = 2, MaxSteps = 12, Progress = reports };
        ml.Transforms.Generative().Vae(options).Fit(data).Dispose();
        TimeSpan remaining = reports.All.Single(r => r.Step == 10).Remaining;
        Assert.True(remaining > TimeSpan.Zero);
        Assert.Contains(
            TrainingEstimate.Describe(remaining, 12, options, DeviceType.CPU), Assert.Single(log, line => line.Contains("will take")));
        log.Clear();
        options.MaxSteps = 10;
        ml.Transforms.Generative().Vae(options).Fit(data).Dispose();
        Assert.DoesNotContain(log, line => line.Contains("will take"));
    }

    [Fact]
    public void The_line_that_closes_an_epoch_has_its_mean_speed()
    {
        var clock = new ManualClock { Now = TimeSpan.FromDays(3) };
        TrainingMeter meter = new(4, "cpu", clock: clock);
        meter.Start();
        clock.Now += TimeSpan.FromSeconds(3);
        meter.Add(1, [], weight: 1_000, step: 1, isFirstPhase: true);
        meter.Report(1, 1, endsEpoch: false, 0.1, meter.SamplesPerSecond(endsEpoch: false), null, null);
        meter.Add(1, [], weight: 1, step: 2, isFirstPhase: true);
        clock.Now += TimeSpan.FromSeconds(2);
        Assert.Equal(1 / 2.0, meter.SamplesPerSecond(endsEpoch: false), 1e-9);
        double ofEpoch = meter.SamplesPerSecond(endsEpoch: true);
        Assert.Equal(1_001 / 5.0, ofEpoch, 1e-9);

        // The next epoch is measured alone, and what is not training does not count.
        TrainingProgress report = meter.Report(2, 1, endsEpoch: true, 0.1, ofEpoch, null, null);
        Assert.Equal((TimeSpan.FromSeconds(5), ofEpoch), (report.Elapsed, report.SamplesPerSecond));
        meter.Add(1, [], weight: 10, step: 3, isFirstPhase: true);
        clock.Now += TimeSpan.FromSeconds(4);
        Assert.Equal(10 / 4.0, meter.SamplesPerSecond(endsEpoch: true), 1e-9);
        meter.ExcludeFromSpeed(TimeSpan.FromSeconds(3));
        Assert.Equal(10 / 1.0, meter.SamplesPerSecond(endsEpoch: true), 1e-9);
        Assert.Equal(10 / 1.0, meter.SamplesPerSecond(endsEpoch: false), 1e-9);
    }

    private sealed class Square
    {
        [VectorType(1, 2, 2)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Row
    {
        [VectorType(3)]
        public float[] Image { get; set; } = [];
    }
}
