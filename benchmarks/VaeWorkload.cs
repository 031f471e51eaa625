using System.Diagnostics;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second of the MLP VAE 784-400-20-400-784 (ReLU, batch 128, Adam 1e-3, Bernoulli) through the library's own loop, beside
/// the bare forward and backward passes of the same network without loop or optimizer.
/// </summary>
internal static class VaeWorkload
{
    private const int Rows = 10_000;

    // Moments of dead weights have decayed after 800.
    private const int FewestSteps = 3_000;
    private const int BatchSize = 128;

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        IDataView data = DigitRows.Bytes(ml, Rows);
        var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds, FewestSteps);
        VaeOptions options = ElboWorkload.Reference();
        options.MaxSteps = long.MaxValue / 1000;
        options.Threads = settings.Threads;
        options.Progress = clock;
        options.CancellationToken = stopping.Token;
        VaeEstimator estimator = ml.Transforms.Generative().Vae(options);

        double rateBefore = MatmulWorkload.Float32Rate(settings);
        double bareBefore = BareStepsPerSecond(settings);
        try
        {
            estimator.Fit(data).Dispose();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }

        double bare = (bareBefore + BareStepsPerSecond(settings)) / 2;
        double rate = (rateBefore + MatmulWorkload.Float32Rate(settings)) / 2, flops = FlopsOfStep();
        return new
        {
            workload = "vae",
            steps_per_s = Math.Round(clock.StepsPerSecond, 1),
            first_quarter_steps_per_s = Math.Round(clock.FirstQuarter, 1),
            last_quarter_steps_per_s = Math.Round(clock.LastQuarter, 1),
            steps = clock.Steps,
            processor_ms_per_step = Math.Round(clock.ProcessorMilliseconds, 2),
            threads = settings.Threads ?? get_num_threads(),
            batch = BatchSize,
            bare_forward_backward_per_s = Math.Round(bare, 1),
            share_of_step_beyond_forward_backward = Math.Round(1 - clock.StepsPerSecond / bare, 3),
            gflop_per_step = Math.Round(flops / 1e9, 2),
            matmul_gflops = Math.Round(rate, 1),
            share_of_matmul_rate = Math.Round(flops / 1e9 * clock.StepsPerSecond / rate, 3),
        };
    }

    private static double FlopsOfStep()
    {
        var options = new VaeOptions { LatentSize = 20, HiddenSizes = [400] };
        using var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, 784)));
        return LayerFlops.ForwardAndBackward(
            () => network.Decode(network.Encode(zeros(BatchSize, 784)).Mean), isInputLearned: false);
    }

    /// <summary>The model and its images.</summary>
    public static (VaeOptions Options, IDataView Data) Training(MLContext ml) => (ElboWorkload.Reference(), DigitRows.Bytes(ml, Rows));

    private static double BareStepsPerSecond(BenchmarkSettings settings)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        var options = new VaeOptions { LatentSize = 20, HiddenSizes = [400] };
        using var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, 784)));
        using Tensor x = rand(BatchSize, 784);
        using Tensor noise = randn(BatchSize, 20);

        void Step()
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor mean, Tensor logVariance) = network.Encode(x);
            Tensor decoded = network.Decode(VaeNetwork.Reparameterize(mean, logVariance, noise));
            (network.NegativeLogLikelihood(decoded, x, nn.Reduction.Sum) + VaeNetwork.KlDivergence(mean, logVariance).sum()).backward();
        }

        for (int i = 0; i < 50; i++)
            Step();
        var watch = Stopwatch.StartNew();
        int steps = 0;
        for (; watch.Elapsed.TotalSeconds < settings.Seconds / 4; steps++)
            Step();
        return steps / watch.Elapsed.TotalSeconds;
    }
}
