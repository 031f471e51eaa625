using System.Diagnostics;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>Waits for what happens elsewhere: first at full speed, since it is usually near.</summary>
internal sealed class WaitingProcess
{
    // As long as this, a process waits without letting others have its processor.
    private static readonly TimeSpan _spinning = TimeSpan.FromMilliseconds(0.2);
    private static readonly TimeSpan _yielding = TimeSpan.FromMilliseconds(50);

    private volatile bool _leavesProcessor;

    /// <inheritdoc cref="IProcessTransport.LeavesProcessor"/>
    public bool LeavesProcessor
    {
        set => _leavesProcessor = value;
    }

    /// <summary>Asks again and again whether something has happened.</summary>
    /// <returns>Whether it has within the time.</returns>
    public bool TryWait(Func<bool> hasHappened, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (!hasHappened())
        {
            TimeSpan waited = Stopwatch.GetElapsedTime(start);
            if (waited > timeout)
                return false;
            if (waited > (_leavesProcessor ? _spinning : _yielding))
                Thread.Sleep(1);
            else if (waited > _spinning)
                Thread.Yield();
        }

        return true;
    }
}
