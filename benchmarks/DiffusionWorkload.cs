using System.Diagnostics;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second of a small diffusion model (32×32×1, batch 32, widths 32-64-128, one residual block a level down and two up,
/// self-attention at the bottom level and in the middle, AdamW 2e-4, clip 1.0, ε loss) through the library's own loop, beside the bare
/// forward and backward passes of the same network; and the images per second that it draws.
/// </summary>
internal static class DiffusionWorkload
{
    private const int Side = 32;
    private const int BatchSize = 32;
    private const int DrawnAtOnce = 16;
    private const int DrawnSteps = 50;

    public static object RunFloat32(BenchmarkSettings settings) => Train("ddpm", settings, ComputePrecision.Float32);

    public static object RunBFloat16(BenchmarkSettings settings) => Train("ddpm-bf16", settings, ComputePrecision.BFloat16);

    /// <summary>One attention, with one head, in the middle alone.</summary>
    public static object RunMiddleAttention(BenchmarkSettings settings)
    {
        DiffusionOptions options = Options(ComputePrecision.Float32, settings.Threads);
        (options.AttentionLevels, options.AttentionHeadSize) = ([], options.BlockChannels[^1]);
        return Train("ddpm-middle-attention", settings, options);
    }

    /// <summary>Images per second with 50 steps of DDIM, 16 at once.</summary>
    public static object RunSample(BenchmarkSettings settings)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        var ml = new MLContext(seed: 1);
        DiffusionOptions options = Options(ComputePrecision.Float32, settings.Threads);
        options.MaxSteps = 1;
        using DiffusionTransformer model = ml.Transforms.Generative().Diffusion(options).Fit(DigitRows.Bytes(ml, BatchSize, Side));
        var drawing = new DiffusionGenerateOptions { Seed = 1, Steps = DrawnSteps, BatchSize = DrawnAtOnce };
        _ = model.Generate(DrawnAtOnce, drawing);
        int images = 0;
        var watch = Stopwatch.StartNew();
        do
        {
            _ = model.Generate(DrawnAtOnce, drawing);
            images += DrawnAtOnce;
        }
        while (watch.Elapsed.TotalSeconds < settings.Seconds);

        return new
        {
            workload = "sample",
            images_per_s = Math.Round(images / watch.Elapsed.TotalSeconds, 2),
            steps = DrawnSteps,
            at_once = DrawnAtOnce,
            threads = settings.Threads ?? get_num_threads(),
        };
    }

    /// <summary>The model and its images.</summary>
    public static (DiffusionOptions Options, IDataView Data) Training(MLContext ml) =>
        (Options(ComputePrecision.Float32, threads: null), DigitRows.Bytes(ml, 20 * BatchSize, Side));

    private static DiffusionOptions Options(ComputePrecision precision, int? threads) => new()
    {
        BlockChannels = [32, 64, 128],
        AttentionLevels = [2],
        LayersPerBlock = 1,
        BatchSize = BatchSize,
        Optimizer = OptimizerKind.AdamW,
        LearningRate = 2e-4,
        WeightDecay = 0.01,
        GradientClipNorm = 1,
        EmaDecay = null,
        Precision = precision,
        Threads = threads,
        Seed = 1,
    };

    private static object Train(string name, BenchmarkSettings settings, ComputePrecision precision) =>
        Train(name, settings, Options(precision, settings.Threads));

    private static object Train(string name, BenchmarkSettings settings, DiffusionOptions options)
    {
        var ml = new MLContext(seed: 1);
        using var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        (options.MaxSteps, options.Progress, options.CancellationToken) = (long.MaxValue / 1000, clock, stopping.Token);
        DiffusionEstimator estimator = ml.Transforms.Generative().Diffusion(options);
        IDataView images = DigitRows.Bytes(ml, 20 * BatchSize, Side);

        double rateBefore = MatmulWorkload.Float32Rate(settings);
        double bareBefore = BareStepsPerSecond(settings, options);
        try
        {
            estimator.Fit(images).Dispose();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }

        double bare = (bareBefore + BareStepsPerSecond(settings, options)) / 2;
        double rate = (rateBefore + MatmulWorkload.Float32Rate(settings)) / 2, flops = FlopsOfStep(options);
        return new
        {
            workload = name,
            steps_per_s = Math.Round(clock.StepsPerSecond, 2),
            first_quarter_steps_per_s = Math.Round(clock.FirstQuarter, 2),
            last_quarter_steps_per_s = Math.Round(clock.LastQuarter, 2),
            steps = clock.Steps,
            processor_ms_per_step = Math.Round(clock.ProcessorMilliseconds, 2),
            threads = settings.Threads ?? get_num_threads(),
            bare_forward_backward_per_s = Math.Round(bare, 2),
            share_of_step_beyond_forward_backward = Math.Round(1 - clock.StepsPerSecond / bare, 3),
            gflop_per_step = Math.Round(flops / 1e9, 2),
            matmul_gflops = Math.Round(rate, 1),
            share_of_matmul_rate = Math.Round(flops / 1e9 * clock.StepsPerSecond / rate, 3),
        };
    }

    private static DenoiserNetwork Network(DiffusionOptions options) =>
        DiffusionArchitecture.Of(options, new ImageShape(1, Side, Side), labelCount: 0, lowResolution: null).CreateNetwork();

    private static double FlopsOfStep(DiffusionOptions options)
    {
        using DenoiserNetwork network = Network(options);
        return LayerFlops.ForwardAndBackward(
            () => network.Forward(zeros(BatchSize, 1, Side, Side), zeros(BatchSize), new ConditionValues()), isInputLearned: false);
    }

    private static double BareStepsPerSecond(BenchmarkSettings settings, DiffusionOptions options)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        using IDisposable scoped = MixedPrecision.Scope(MixedPrecision.Choose(options.Precision, DeviceType.CPU));
        using DenoiserNetwork network = Network(options);
        using Tensor x = randn(BatchSize, 1, Side, Side), noise = randn(BatchSize, 1, Side, Side),
            time = randint(0, 1000, [BatchSize]).to(ScalarType.Float32);

        void Step()
        {
            using DisposeScope scope = NewDisposeScope();
            nn.functional.mse_loss(network.Forward(x, time, new ConditionValues()), noise).backward();
        }

        for (int i = 0; i < 3; i++)
            Step();
        int steps = 0;
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < settings.Seconds / 4)
        {
            Step();
            steps++;
        }

        return steps / watch.Elapsed.TotalSeconds;
    }
}
