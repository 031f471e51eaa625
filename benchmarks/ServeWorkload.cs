using System.Diagnostics;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Requests and tokens per second, and the time to the first token, of concurrent clients through HTTP.</summary>
internal static class ServeWorkload
{
    private const int PromptLength = 32;
    private const int Length = 100;

    /// <summary>Random weights in the shape of stories15M; each client asks again as soon as it has its answer.</summary>
    public static object Run(BenchmarkSettings settings)
    {
        LanguageModelArchitecture architecture = LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000 };
        using LanguageModelTransformer model = RandomLanguageModel.Create(architecture);
        if (settings.Threads is { } threads)
            TorchSharp.torch.set_num_threads(threads);
        using var server = new BenchmarkServer(model);
        Measure(server, architecture, 1, 1);
        return new
        {
            workload = "serve",
            parameters = architecture.CountParameters(),
            threads = TorchSharp.torch.get_num_threads(),
            prompt_tokens = PromptLength,
            answer_tokens = Length,
            results = ((int[])[1, 8, 32]).Select(clients => Measure(server, architecture, clients, settings.Seconds)).ToArray(),
        };
    }

    private static object Measure(BenchmarkServer server, LanguageModelArchitecture architecture, int clients, double seconds)
    {
        var watch = Stopwatch.StartNew();
        int requests = 0;
        (int Tokens, TimeSpan First)[][] all = Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            List<(int Tokens, TimeSpan First)> own = [];
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                int number = Interlocked.Increment(ref requests);
                own.Add(await server.StreamAsync(
                    RandomLanguageModel.Prompt(PromptLength, number, architecture.VocabularySize), Length, number).ConfigureAwait(false));
            }

            return own.ToArray();
        }))).GetAwaiter().GetResult();
        double took = watch.Elapsed.TotalSeconds;
        double[] first = [.. all.SelectMany(own => own).Select(answer => answer.First.TotalMilliseconds).Order()];
        return new
        {
            clients,
            requests = first.Length,
            requests_per_s = Math.Round(first.Length / took, 2),
            tokens_per_s = Math.Round(all.SelectMany(own => own).Sum(answer => answer.Tokens) / took, 1),
            first_token_ms_p50 = Math.Round(first[first.Length / 2], 1),
            first_token_ms_p99 = Math.Round(first[Math.Min(first.Length - 1, first.Length * 99 / 100)], 1),
        };
    }
}
