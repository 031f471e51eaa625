using System.Diagnostics;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second of a DCGAN (32×32×1, base width 64, batch 64, Adam 2e-4 with β 0.5 and 0.999, non-saturating, batch normalization in
/// both networks, one step of each) through the library's own loop, beside the bare forward and backward passes of the same networks
/// without loop and optimizer.
/// </summary>
internal static class GanWorkload
{
    // An epoch of ten steps: its end is reported.
    private const int Rows = 640;
    private const int BatchSize = 64;
    private const int Side = 32;

    public static object RunFloat32(BenchmarkSettings settings) => Run("dcgan", settings, ComputePrecision.Float32);

    public static object RunBFloat16(BenchmarkSettings settings) => Run("dcgan-bf16", settings, ComputePrecision.BFloat16);

    private static GanOptions Options(ComputePrecision precision) => new()
    {
        DiscriminatorNormalization = GanNormalization.Batch,
        EmaDecay = null,
        BatchSize = BatchSize,
        MaxSteps = long.MaxValue / 1000,
        Precision = precision,
    };

    private static object Run(string name, BenchmarkSettings settings, ComputePrecision precision)
    {
        var ml = new MLContext(seed: 1);
        var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        GanOptions options = Options(precision);
        options.Threads = settings.Threads;
        options.Progress = clock;
        options.CancellationToken = stopping.Token;
        GanEstimator estimator = ml.Transforms.Generative().Gan(options);
        IDataView data = DigitRows.Bytes(ml, Rows, Side);

        double rateBefore = MatmulWorkload.Float32Rate(settings);
        double bareBefore = BareStepsPerSecond(settings, precision);
        try
        {
            estimator.Fit(data).Dispose();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }

        double bare = (bareBefore + BareStepsPerSecond(settings, precision)) / 2;
        double rate = (rateBefore + MatmulWorkload.Float32Rate(settings)) / 2, flops = FlopsOfStep();
        return new
        {
            workload = name,
            steps_per_s = Math.Round(clock.StepsPerSecond, 2),
            first_quarter_steps_per_s = Math.Round(clock.FirstQuarter, 2),
            last_quarter_steps_per_s = Math.Round(clock.LastQuarter, 2),
            steps = clock.Steps,
            processor_ms_per_step = Math.Round(clock.ProcessorMilliseconds, 2),
            threads = settings.Threads ?? get_num_threads(),
            batch = BatchSize,
            bare_forward_backward_per_s = Math.Round(bare, 2),
            share_of_step_beyond_forward_backward = Math.Round(1 - clock.StepsPerSecond / bare, 3),
            gflop_per_step = Math.Round(flops / 1e9, 2),
            matmul_gflops = Math.Round(rate, 1),
            share_of_matmul_rate = Math.Round(flops / 1e9 * clock.StepsPerSecond / rate, 3),
        };
    }

    // Generated rows twice, once without gradients; the discriminator learns from two batches, and passes on the gradient of a third.
    private static double FlopsOfStep()
    {
        GanOptions options = Options(ComputePrecision.Float32);
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(new ImageShape(1, Side, Side), Side * Side), labelCount: 0);
        using GeneratorNetwork generator = architecture.CreateGenerator();
        using DiscriminatorNetwork discriminator = DiscriminatorArchitecture.Of(architecture, options).Create();
        void Generate() => generator.Forward(zeros(BatchSize, options.LatentSize), null);
        void Discriminate() => discriminator.Forward(zeros(BatchSize, 1, Side, Side), null);
        return LayerFlops.Forward(Generate) + LayerFlops.ForwardAndBackward(Generate, isInputLearned: false)
            + 2 * LayerFlops.ForwardAndBackward(Discriminate, isInputLearned: false) + 2 * LayerFlops.Forward(Discriminate);
    }

    private static double BareStepsPerSecond(BenchmarkSettings settings, ComputePrecision precision)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        using IDisposable scoped = MixedPrecision.Scope(MixedPrecision.Choose(precision, DeviceType.CPU));
        GanOptions options = Options(precision);
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(new ImageShape(1, Side, Side), Side * Side), labelCount: 0);
        using GeneratorNetwork generator = architecture.CreateGenerator();
        using DiscriminatorNetwork discriminator = DiscriminatorArchitecture.Of(architecture, options).Create();
        using Tensor real = rand(BatchSize, 1, Side, Side);

        void Step()
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor generated;
            using (no_grad())
                generated = generator.Forward(randn(BatchSize, options.LatentSize), null);
            SetLearning(true);
            GanLosses.Discriminator(
                options.Objective, discriminator.Forward(real, null), discriminator.Forward(generated, null)).backward();
            SetLearning(false);
            GanLosses.Generator(
                options.Objective, discriminator.Forward(generator.Forward(randn(BatchSize, options.LatentSize), null), null)).backward();
        }

        void SetLearning(bool isOn)
        {
            foreach (Tensor parameter in discriminator.parameters())
                parameter.requires_grad = isOn;
        }

        for (int i = 0; i < 3; i++)
            Step();
        var watch = Stopwatch.StartNew();
        int steps = 0;
        for (; watch.Elapsed.TotalSeconds < settings.Seconds / 4; steps++)
            Step();
        return steps / watch.Elapsed.TotalSeconds;
    }
}
