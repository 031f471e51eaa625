using System.Diagnostics;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Tokens per second of a prompt on the CPU, with all threads and with one, in turns.</summary>
internal static class PrefillWorkload
{
    private const int Length = 256;

    /// <summary>Random weights in the shape of stories15M.</summary>
    public static object Run15M(BenchmarkSettings settings)
    {
        TorchRuntime.EnsureLoaded();
        LanguageModelArchitecture architecture =
            LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000, ContextLength = Length };
        int threads = settings.Threads ?? Environment.ProcessorCount;
        using var network = TorchSeed.Initialize(1, () => new LanguageModelNetwork(architecture));
        int[] prompt = [.. Enumerable.Range(0, Length).Select(i => i * 97 % architecture.VocabularySize)];
        float[] logits = new float[architecture.VocabularySize];
        Measure(threads);
        Measure(1);

        List<double> sharedRates = [], aloneRates = [];
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < settings.Seconds || sharedRates.Count < 5)
        {
            sharedRates.Add(Measure(threads));
            aloneRates.Add(Measure(1));
        }

        return new
        {
            workload = "prefill-15m",
            parameters = architecture.CountParameters(),
            prompt_tokens = Length,
            threads,
            tokens_per_s = Math.Round(Median(sharedRates)),
            best_tokens_per_s = Math.Round(sharedRates.Max()),
            one_thread_tokens_per_s = Math.Round(Median(aloneRates)),
            one_thread_best_tokens_per_s = Math.Round(aloneRates.Max()),
            speedup = Math.Round(Median([.. sharedRates.Zip(aloneRates, (s, a) => s / a)]), 2),
            best_speedup = Math.Round(sharedRates.Max() / aloneRates.Max(), 2),
        };

        // In a session of its own, as each call has one.
        double Measure(int count)
        {
            using var session = new KernelDecodingSession(network, 1, Length, count);
            long start = Stopwatch.GetTimestamp();
            session.Prefill(0, prompt, logits);
            return Length / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
