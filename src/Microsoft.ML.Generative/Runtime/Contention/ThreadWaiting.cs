using System.Diagnostics;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Runtime.Contention;

/// <summary>
/// Lets libtorch's threads sleep while they wait for each other as long as other work wants the processors: a thread that looks out takes
/// the processor from the one that it waits for. On an idle machine they look out, which is faster. Results are the same.
/// </summary>
internal static class ThreadWaiting
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(500);
    private static readonly Lock _gate = new();

    // Whoever sets one of them has chosen.
    private static readonly string[] _variables = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];
    private static int _users;
    private static Watch? _watch;

    /// <summary>Whether threads sleep now because the processors are busy.</summary>
    public static bool Sleeps => _watch?.Sleeps ?? false;

    /// <summary>Watches the processors until the result is disposed of, for all who ask for it together.</summary>
    /// <param name="threads">Threads that compute together.</param>
    public static IDisposable? Adapt(int threads)
    {
        if (threads == 1 || Array.Exists(_variables, v => !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(v))))
            return null;
        lock (_gate)
        {
            if (_watch is null && GnuOpenMp.Loaded is { } openMp && TakesMost(threads, openMp) && ProcessorWaits.Total() is { } before)
                _watch = new Watch(openMp, threads, before);
            if (_watch is null)
                return null;
            _users++;
            return new Use();
        }
    }

    // Where most processors are left to others, these need not those of the training.
    private static unsafe bool TakesMost(int threads, GnuOpenMp openMp) => 2 * threads > openMp.Processors();

    private sealed class Use : IDisposable
    {
        private bool _isOver;

        public void Dispose()
        {
            Watch? ended = null;
            lock (_gate)
            {
                if (!_isOver && --_users == 0)
                    (ended, _watch) = (_watch, null);
                _isOver = true;
            }

            ended?.Dispose();
        }
    }

    private sealed class Watch : IDisposable
    {
        private readonly BusyProcessors _processors = new(Environment.ProcessorCount);
        private readonly ManualResetEventSlim _end = new();
        private readonly Thread _watcher;
        private readonly GnuOpenMp _openMp;
        private readonly int _threads;
        private (TimeSpan Ran, TimeSpan Waited) _before;
        private SleepingTeam? _team;

        public Watch(GnuOpenMp openMp, int threads, (TimeSpan Ran, TimeSpan Waited) before)
        {
            (_openMp, _threads, _before) = (openMp, threads, before);
            _watcher = new Thread(Look) { IsBackground = true, Name = "Processors" };
            _watcher.Start();
        }

        public bool Sleeps => Volatile.Read(ref _team) is not null;

        public void Dispose()
        {
            _end.Set();
            _watcher.Join();
            _end.Dispose();
        }

        private void Look()
        {
            for (long start = Stopwatch.GetTimestamp(); !_end.Wait(_interval);)
            {
                if (ProcessorWaits.Total() is not { } total)
                    continue;
                long now = Stopwatch.GetTimestamp();
                TimeSpan passed = Stopwatch.GetElapsedTime(start, now);
                _processors.Add((total.Ran - _before.Ran) / passed, (total.Waited - _before.Waited) / passed);
                (start, _before) = (now, total);
                if (_processors.AreBusy == Sleeps)
                    continue;
                _team?.Dispose();
                _team = _processors.AreBusy ? new SleepingTeam(_openMp, _threads) : null;
            }

            _team?.Dispose();
        }
    }
}
