using System.Diagnostics;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>The number of threads that libtorch computes with.</summary>
internal static class TorchThreads
{
    /// <summary>The most that options may ask for: beyond it OpenMP ends the process.</summary>
    public const int Most = 1024;

    // Two threads for less than this are two cores for nothing.
    private const double WorthwhileSpeedup = 1.1;

    // Whoever sets it has chosen.
    private const string ThreadsVariable = "OMP_NUM_THREADS";

    private static readonly Lock _measuring = new();

    /// <summary>The number that this thread computes with.</summary>
    public static int Now => torch.get_num_threads();

    /// <summary>
    /// libtorch takes as many threads as the machine has cores. In a container that may use fewer, the others only wait: there it gets as
    /// many as .NET counts.
    /// </summary>
    public static void LimitToProcessors()
    {
        int most = Limit(torch.get_num_threads(), Environment.ProcessorCount, Environment.GetEnvironmentVariable(ThreadsVariable));
        if (most < torch.get_num_threads())
            torch.set_num_threads(most);
    }

    /// <param name="threads">What libtorch takes.</param>
    /// <param name="processors">What the process may use.</param>
    /// <param name="chosen">What the environment asks for.</param>
    internal static int Limit(int threads, int processors, string? chosen) =>
        string.IsNullOrWhiteSpace(chosen) ? Math.Min(threads, processors) : threads;

    /// <summary>
    /// Computes with a number of threads until the result is disposed of; by default with the one that libtorch has while nobody asks for
    /// another.
    /// </summary>
    public static ThreadCount Scope(int? threads)
    {
        TorchRuntime.EnsureLoaded();
        return new ThreadCount(threads);
    }

    /// <summary>
    /// The number that computes fastest now, of libtorch's default and its halves down to one: where other processes keep cores busy,
    /// threads that wait for each other are slower than one alone. Takes some hundredths of a second.
    /// </summary>
    public static int Measure()
    {
        using ThreadCount usual = Scope(null);
        lock (_measuring)
        {
            var candidates = new List<int>();
            for (int threads = usual.Threads; threads >= 1; threads /= 2)
                candidates.Add(threads);
            return candidates.Count == 1 ? candidates[0] : Fastest(candidates, SecondsWith);
        }
    }

    /// <param name="candidates">From many threads to few.</param>
    /// <param name="seconds">Takes the time once.</param>
    internal static int Fastest(IReadOnlyList<int> candidates, Func<int, double> seconds)
    {
        const int Rounds = 5;
        var samples = candidates.ToDictionary(c => c, _ => new List<double>());
        // In turns, so that a disturbance meets all; the median, because one timing can be anything.
        for (int round = 0; round < Rounds; round++)
        {
            foreach (int threads in candidates)
                samples[threads].Add(seconds(threads));
        }

        int best = candidates[^1];
        foreach (int threads in candidates.Reverse().Skip(1))
        {
            if (Median(samples[threads]) * WorthwhileSpeedup < Median(samples[best]))
                best = threads;
        }

        return best;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    // What a training step is made of: products of matrices, each followed by something light.
    private static double SecondsWith(int threads)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        using ThreadCount count = Scope(threads);
        using IDisposable turn = count.Turn();
        torch.Tensor x = torch.ones(128, 512);
        torch.Tensor weights = torch.ones(512, 512);
        x.mm(weights).relu_();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 8; i++)
            x.mm(weights).relu_();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
