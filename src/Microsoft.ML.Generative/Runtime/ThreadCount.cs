using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// A number of threads that somebody computes with. libtorch has one number for the process, and how sums are rounded depends on it: those
/// who compute with the same number do so side by side, and those with other numbers take turns.
/// </summary>
internal sealed class ThreadCount : IDisposable
{
    private static readonly object _gate = new();
    private static int _open;
    private static int _usual;
    private static int _now;
    private static int _computing;
    private static readonly List<Waiting> _queue = [];
    private static long _nextTicket;
    private static long _firstToWait;

    [ThreadStatic]
    private static int _depth;

    private bool _isDisposed;

    public ThreadCount(int? threads)
    {
        lock (_gate)
        {
            if (_open++ == 0)
                _usual = _now = torch.get_num_threads();
            Threads = threads ?? _usual;
        }

        // So that what follows on this thread without a turn has the number, too.
        Turn().Dispose();
    }

    /// <summary>The number.</summary>
    public int Threads { get; }

    /// <summary>
    /// Waits until nobody computes with another number, and computes with this one, on this thread, until the result is disposed of.
    /// Within a turn, no code of users may be called that waits for somebody else's.
    /// </summary>
    public IDisposable Turn() => new OneTurn(Threads);

    // The oldest waits for nobody when nobody computes, and takes along those that wait with the same number; later ones let others go
    // first.
    private static bool MayCompute(Waiting me) => _computing == 0
        ? _queue[0] == me
        : me.Threads == _now && (me.Ticket < _firstToWait || _queue.TrueForAll(w => w.Threads == _now));

    /// <summary>Gives this thread the usual number again.</summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        new OneTurn(_usual).Dispose();
        lock (_gate)
            _open--;
    }

    private readonly record struct Waiting(long Ticket, int Threads);

    private sealed class OneTurn : IDisposable
    {
        private bool _isOver;

        public OneTurn(int threads)
        {
            // A turn within a turn of the same thread is part of it.
            if (_depth++ > 0)
                return;
            lock (_gate)
            {
                var me = new Waiting(_nextTicket++, threads);
                _queue.Add(me);
                while (!MayCompute(me))
                    Monitor.Wait(_gate);
                _queue.Remove(me);
                if (_computing++ == 0)
                    _firstToWait = _nextTicket;
                // OpenMP has a number for each thread, MKL one for all.
                if (_now != threads || torch.get_num_threads() != threads)
                    torch.set_num_threads(threads);
                _now = threads;
                Monitor.PulseAll(_gate);
            }
        }

        public void Dispose()
        {
            if (_isOver)
                return;
            _isOver = true;
            if (--_depth > 0)
                return;
            lock (_gate)
            {
                _computing--;
                Monitor.PulseAll(_gate);
            }
        }
    }
}
