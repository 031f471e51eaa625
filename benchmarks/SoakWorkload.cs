using System.Diagnostics;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Many requests through HTTP of which some are cancelled at random: memory has to stay flat, and no place may be lost.</summary>
internal static class SoakWorkload
{
    private const long DefaultRequests = 10_000;
    private const int Clients = 48;
    private const int Samples = 50;

    public static object Run(BenchmarkSettings settings)
    {
        long requests = settings.Stream.Steps ?? DefaultRequests;
        LanguageModelArchitecture architecture = LanguageModelArchitecture.LlamaNano with
        {
            VocabularySize = 512,
            ContextLength = 512,
            Layers = 2,
            Heads = 4,
            EmbeddingSize = 64,
            FeedForwardSize = 172,
        };
        using LanguageModelTransformer model = RandomLanguageModel.Create(architecture);
        using var server = new BenchmarkServer(model);
        using Process process = Process.GetCurrentProcess();
        var memory = new List<(double Resident, double Managed)>();
        long next = 0, cancelled = 0, answered = 0;
        var watch = Stopwatch.StartNew();
        Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(RunClientAsync))).GetAwaiter().GetResult();

        DecodingScheduler scheduler = model.Generator.Scheduler!;
        // The last step may still be computed.
        for (int i = 0; i < 500 && scheduler.Load != (0, 0); i++)
            Thread.Sleep(10);
        int settled = memory.Count / 5, tenth = Math.Max(1, (memory.Count - settled) / 10);
        double first = memory.Skip(settled).Take(tenth).Average(m => m.Resident), last = memory.TakeLast(tenth).Average(m => m.Resident);
        return new
        {
            workload = "soak",
            requests,
            clients = Clients,
            answered,
            cancelled,
            seconds = Math.Round(watch.Elapsed.TotalSeconds, 1),
            lost_places = scheduler.Load.Running + scheduler.Load.Waiting,
            resident_mib_after_a_fifth = Math.Round(first, 1),
            resident_mib_at_the_end = Math.Round(last, 1),
            growth_mib = Math.Round(last - first, 1),
            managed_mib_at_the_end = Math.Round(memory[^1].Managed, 1),
        };

        async Task RunClientAsync()
        {
            while (Interlocked.Increment(ref next) is var number && number <= requests)
            {
                var random = new Random((int)number);
                // Some begin alike, and some are longer than a block.
                string prompt = RandomLanguageModel.Prompt(random.Next(1, 250), random.Next(20), architecture.VocabularySize);
                using var stop = new CancellationTokenSource();
                if (random.Next(3) > 0)
                    stop.CancelAfter(random.Next(0, 400));
                try
                {
                    int tokens = random.Next(1, 200);
                    (int found, TimeSpan _) = await server.StreamAsync(prompt, tokens, (int)number, stop.Token).ConfigureAwait(false);
                    if (found != tokens)
                        throw new InvalidOperationException($"Request {number} had {found} tokens; expected {tokens}.");
                    Interlocked.Increment(ref answered);
                }
                catch (OperationCanceledException) when (stop.IsCancellationRequested)
                {
                    Interlocked.Increment(ref cancelled);
                }

                if (number % Math.Max(1, requests / Samples) == 0)
                    Sample();
            }
        }

        void Sample()
        {
            lock (memory)
            {
                process.Refresh();
                memory.Add((StreamedTraining.Mebibytes(process.WorkingSet64), StreamedTraining.Mebibytes(GC.GetTotalMemory(false))));
            }
        }
    }
}
