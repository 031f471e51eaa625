using System.Diagnostics;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>The number of threads that libtorch computes with.</summary>
internal static class TorchThreads
{
    // Two threads for less than this are two cores for nothing.
    private const double WorthwhileSpeedup = 1.1;

    private static readonly Lock _measuring = new();

    /// <summary>Sets the number, and gives it back as it was.</summary>
    public static IDisposable Scope(int? threads) => new ThreadsScope(threads);

    /// <summary>
    /// The number that computes fastest now, of libtorch's default and its halves down to one: where other processes keep cores busy,
    /// threads that wait for each other are slower than one alone. Takes some hundredths of a second.
    /// </summary>
    public static int Measure()
    {
        TorchRuntime.EnsureLoaded();
        lock (_measuring)
        {
            int before = torch.get_num_threads();
            var candidates = new List<int>();
            for (int threads = before; threads >= 1; threads /= 2)
                candidates.Add(threads);
            if (candidates.Count == 1)
                return before;

            try
            {
                return Fastest(candidates, SecondsWith);
            }
            finally
            {
                torch.set_num_threads(before);
            }
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
        torch.set_num_threads(threads);
        torch.Tensor x = torch.ones(128, 512);
        torch.Tensor weights = torch.ones(512, 512);
        x.mm(weights).relu_();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 8; i++)
            x.mm(weights).relu_();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private sealed class ThreadsScope : IDisposable
    {
        private readonly int _before = torch.get_num_threads();
        private readonly bool _isChanged;

        public ThreadsScope(int? threads)
        {
            _isChanged = threads is { } wanted && wanted != _before;
            if (_isChanged)
                torch.set_num_threads(threads!.Value);
        }

        public void Dispose()
        {
            if (_isChanged)
                torch.set_num_threads(_before);
        }
    }
}
