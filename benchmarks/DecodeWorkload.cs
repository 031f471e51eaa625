using System.Diagnostics;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Tokens per second of decoding on the CPU, greedy, from an empty stream to 200 tokens, over and over.</summary>
internal static class DecodeWorkload
{
    private const int Length = 200;

    /// <summary>Random weights in the shape of stories260K.</summary>
    public static object Run260K(BenchmarkSettings settings) => Run("decode-260k", settings, 1, LanguageModelArchitecture.LlamaNano with
    {
        VocabularySize = 512,
        ContextLength = 512,
        Layers = 5,
        Heads = 8,
        KeyValueHeads = 4,
        EmbeddingSize = 64,
        FeedForwardSize = 172,
    });

    /// <summary>Random weights in the shape of stories15M.</summary>
    public static object Run15M(BenchmarkSettings settings) =>
        Run("decode-15m", settings, 1, LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000 });

    /// <summary>The same with weights of 16-bit floats.</summary>
    public static object Run15MBFloat16(BenchmarkSettings settings) => Run15M("decode-15m-bf16", settings, WeightFormat.BFloat16);

    /// <summary>The same with weights of 8-bit integers, a scale for each output.</summary>
    public static object Run15MInt8(BenchmarkSettings settings) => Run15M("decode-15m-int8", settings, WeightFormat.Int8);

    /// <summary>The same with weights of 8-bit integers in blocks of 32.</summary>
    public static object Run15MQ8(BenchmarkSettings settings) => Run15M("decode-15m-q8", settings, WeightFormat.Q8_0);

    /// <summary>The same with weights of 4-bit integers in blocks of 32.</summary>
    public static object Run15MQ4(BenchmarkSettings settings) => Run15M("decode-15m-q4", settings, WeightFormat.Q4_0);

    /// <summary>The same with weights of 4-bit quantiles.</summary>
    public static object Run15MNf4(BenchmarkSettings settings) => Run15M("decode-15m-nf4", settings, WeightFormat.Nf4);

    /// <summary>The same with 32 streams.</summary>
    public static object RunBatch(BenchmarkSettings settings) =>
        Run("decode-batch", settings, 32, LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000 });

    private static object Run15M(string name, BenchmarkSettings settings, WeightFormat format) =>
        Run(name, settings, 1, LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000 }, format);

    private static object Run(
        string name, BenchmarkSettings settings, int streams, LanguageModelArchitecture architecture,
        WeightFormat format = WeightFormat.Float32)
    {
        TorchRuntime.EnsureLoaded();
        int threads = settings.Threads ?? 1;
        using var floats = new AdaptedNetwork<LanguageModelNetwork>(TorchSeed.Initialize(1, () => new LanguageModelNetwork(architecture)));
        using AdaptedNetwork<LanguageModelNetwork> stored = LanguageModelCopies.Quantize(floats, format);
        long bytes = ModuleWeights.Of(stored.Base).Sum(t => t.Tensor.numel() * t.Tensor.element_size());
        using var session = new KernelDecodingSession(stored.Network, streams, architecture.ContextLength, threads);
        var decoding = new GreedyDecoding(streams, architecture.VocabularySize, Length);

        decoding.Run(session);
        var rates = new List<double>();
        TimeSpan processorTime = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < settings.Seconds || rates.Count < 3)
            rates.Add(streams * Length / decoding.Run(session));

        double processorSeconds = (Environment.CpuUsage.TotalTime - processorTime).TotalSeconds;

        int[] prompt = [.. Enumerable.Range(0, Length).Select(i => i % architecture.VocabularySize)];
        float[] logits = new float[architecture.VocabularySize];
        var prefills = new List<double>();
        for (int i = 0; i < 5; i++)
        {
            session.Reset(0);
            long start = Stopwatch.GetTimestamp();
            session.Prefill(0, prompt, logits);
            prefills.Add(Length / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return new
        {
            workload = name,
            parameters = architecture.CountParameters(),
            weight_bytes = bytes,
            streams,
            threads,
            tokens_per_s = Math.Round(rates.Order().ElementAt(rates.Count / 2)),
            best_tokens_per_s = Math.Round(rates.Max()),
            tokens_per_processor_s = Math.Round(rates.Count * streams * Length / processorSeconds),
            weights_gb_per_s = Math.Round(rates.Max() / streams * bytes / 1e9, 1),
            prompt_tokens_per_s = Math.Round(prefills.Max()),
        };
    }
}
