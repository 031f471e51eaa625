using System.Diagnostics;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second of nanoGPT's small model (4 layers, 4 heads, 128 wide, context 64, batch 12, vocabulary 65, AdamW, clip 1.0) through
/// the library's own loop, beside the bare forward and backward passes of the same network without loop and optimizer.
/// </summary>
internal static class GptWorkload
{
    private const int Characters = 65;
    private const int BatchSize = 12;

    public static object RunFloat32(BenchmarkSettings settings) => Run("gpt", settings, ComputePrecision.Float32);

    public static object RunBFloat16(BenchmarkSettings settings) => Run("gpt-bf16", settings, ComputePrecision.BFloat16);

    private static LanguageModelArchitecture Architecture { get; } =
        LanguageModelArchitecture.GptNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = 64 };

    private static object Run(string name, BenchmarkSettings settings, ComputePrecision precision)
    {
        var ml = new MLContext(seed: 1);
        var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        (LanguageModelOptions options, IDataView data) = Training(ml);
        (options.MaxSteps, options.Precision, options.Threads) = (long.MaxValue / 1000, precision, settings.Threads);
        (options.Progress, options.CancellationToken) = (clock, stopping.Token);
        LanguageModelEstimator estimator = ml.Transforms.Generative().LanguageModel(options);

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
            steps_per_s = Math.Round(clock.StepsPerSecond, 1),
            first_quarter_steps_per_s = Math.Round(clock.FirstQuarter, 1),
            last_quarter_steps_per_s = Math.Round(clock.LastQuarter, 1),
            steps = clock.Steps,
            processor_ms_per_step = Math.Round(clock.ProcessorMilliseconds, 2),
            tokens_per_s = Math.Round(clock.StepsPerSecond * BatchSize * Architecture.ContextLength),
            threads = settings.Threads ?? get_num_threads(),
            bare_forward_backward_per_s = Math.Round(bare, 1),
            share_of_step_beyond_forward_backward = Math.Round(1 - clock.StepsPerSecond / bare, 3),
            gflop_per_step = Math.Round(flops / 1e9, 2),
            matmul_gflops = Math.Round(rate, 1),
            share_of_matmul_rate = Math.Round(flops / 1e9 * clock.StepsPerSecond / rate, 3),
        };
    }

    // With the products of queries, keys and values, which no layer computes.
    private static double FlopsOfStep()
    {
        using var network = new LanguageModelNetwork(Architecture with { VocabularySize = Characters });
        using Tensor tokens = zeros([BatchSize, Architecture.ContextLength], ScalarType.Int64);
        double attention = 4.0 * BatchSize * Architecture.ContextLength * Architecture.ContextLength * Architecture.EmbeddingSize;
        return LayerFlops.ForwardAndBackward(() => network.Logits(tokens), isInputLearned: true) + 3 * Architecture.Layers * attention;
    }

    /// <summary>The model and its text.</summary>
    public static (LanguageModelOptions Options, IDataView Data) Training(MLContext ml)
    {
        var random = new Random(1);
        // As in a language, the n-th character is about as frequent as 1 / n.
        string text = new([.. Enumerable.Range(0, 1_000_000)
            .Select(_ => (char)('!' + (int)Math.Pow(Characters + 1, random.NextDouble()) - 1))]);
        var options = new LanguageModelOptions
        {
            Architecture = Architecture,
            BatchSize = BatchSize,
            Tokenizer = GenerativeTokenizers.CharacterLevel([text]),
        };
        return (options, ml.Data.LoadFromEnumerable([new Document { Text = text }]));
    }

    private static double BareStepsPerSecond(BenchmarkSettings settings, ComputePrecision precision)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        using IDisposable scoped = MixedPrecision.Scope(MixedPrecision.Choose(precision, DeviceType.CPU));
        using var network = new LanguageModelNetwork(Architecture with { VocabularySize = Characters });
        using Tensor tokens = randint(0, Characters, [BatchSize, Architecture.ContextLength]);

        void Step()
        {
            using DisposeScope scope = NewDisposeScope();
            network.Loss(tokens, tokens).backward();
        }

        for (int i = 0; i < 20; i++)
            Step();
        var watch = Stopwatch.StartNew();
        int steps = 0;
        for (; watch.Elapsed.TotalSeconds < settings.Seconds / 4; steps++)
            Step();
        return steps / watch.Elapsed.TotalSeconds;
    }

    private sealed class Document
    {
        public string Text { get; set; } = "";
    }
}
