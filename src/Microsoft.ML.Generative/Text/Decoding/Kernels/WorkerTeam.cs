using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Threads that share pieces of work of some microseconds with the caller. Whoever is free takes the next piece, so that a thread that the
/// system keeps waiting holds nobody up. Between works a thread looks out for the next one for a moment, then sleeps. A team that nobody
/// knows any more ends by itself.
/// </summary>
internal sealed class WorkerTeam : IDisposable
{
    private readonly Lock _starting = new();
    private readonly Board _board = new();
    private Thread[]? _threads;

    /// <param name="size">Threads, the caller's included.</param>
    public WorkerTeam(int size) => Size = size;

    ~WorkerTeam() => _board.Stop();

    public int Size { get; }

    /// <summary>Threads that wait without looking.</summary>
    public int Asleep => _board.Asleep;

    /// <summary>Does pieces 0 to below <paramref name="pieces"/>, in any order, and returns when all are done.</summary>
    /// <param name="pieces">How many there are.</param>
    /// <param name="work">Takes the piece, and the number of the thread that does it, 0 to below <see cref="Size"/>.</param>
    public void Run(int pieces, Action<int, int> work)
    {
        if (Size == 1 || pieces <= 1)
        {
            for (int piece = 0; piece < pieces; piece++)
                work(piece, 0);
            return;
        }

        if (_threads is null)
            Start();
        _board.Run(pieces, work);
        GC.KeepAlive(this);
    }

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _board.Stop();
        foreach (Thread thread in _threads ?? [])
            thread.Join();
    }

    private void Start()
    {
        lock (_starting)
        {
            ObjectDisposedException.ThrowIf(_board.IsStopping, this);
            Board board = _board;
            _threads = [.. Enumerable.Range(1, Size - 1)
                .Select(worker => new Thread(() => board.Live(worker)) { IsBackground = true, Name = "Decoding" })];
            foreach (Thread thread in _threads)
                thread.Start();
        }
    }

    /// <summary>
    /// All that the threads know. Between works it holds nothing of those who gave them, so that these can be collected while threads
    /// sleep.
    /// </summary>
    private sealed class Board
    {
        private static readonly long _alertTicks = Stopwatch.Frequency / 20_000;

        private readonly object _gate = new();
        private Action<int, int>? _work;
        private ExceptionDispatchInfo? _failure;
        private int _unclaimed;
        private int _unfinished;
        private int _asleep;
        private volatile bool _isStopping;

        public int Asleep => Volatile.Read(ref _asleep);

        public bool IsStopping => _isStopping;

        public void Run(int pieces, Action<int, int> work)
        {
            _work = work;
            _unfinished = pieces;
            Interlocked.Exchange(ref _unclaimed, pieces);
            if (Volatile.Read(ref _asleep) > 0)
            {
                lock (_gate)
                    Monitor.PulseAll(_gate);
            }

            Help(0);
            var wait = default(SpinWait);
            while (Volatile.Read(ref _unfinished) > 0)
                wait.SpinOnce(sleep1Threshold: -1);
            _work = null;
            if (Interlocked.Exchange(ref _failure, null) is { } failure)
                failure.Throw();
        }

        public void Stop()
        {
            _isStopping = true;
            lock (_gate)
                Monitor.PulseAll(_gate);
        }

        public void Live(int worker)
        {
            while (AwaitWork())
                Help(worker);
        }

        // Work is there as long as a piece is unclaimed: who claims one knows that it is not done before this piece is, and so what it is.
        private void Help(int worker)
        {
            while (Volatile.Read(ref _unclaimed) > 0 && Interlocked.Decrement(ref _unclaimed) is >= 0 and int piece)
            {
                try
                {
                    _work!(piece, worker);
                }
                catch (Exception e)
                {
                    _failure = ExceptionDispatchInfo.Capture(e);
                }

                Interlocked.Decrement(ref _unfinished);
            }
        }

        private bool AwaitWork()
        {
            for (long until = Stopwatch.GetTimestamp() + _alertTicks; Stopwatch.GetTimestamp() < until;)
            {
                if (_isStopping || Volatile.Read(ref _unclaimed) > 0)
                    return !_isStopping;
                Thread.SpinWait(8);
            }

            lock (_gate)
            {
                // Counted before the last look, so that work is either seen here or its maker sees somebody asleep.
                Interlocked.Increment(ref _asleep);
                while (!_isStopping && Volatile.Read(ref _unclaimed) <= 0)
                    Monitor.Wait(_gate);
                Interlocked.Decrement(ref _asleep);
            }

            return !_isStopping;
        }
    }
}
