namespace Microsoft.ML.Generative.Runtime.Contention;

/// <summary>
/// Whether other processes want the processors that threads look out on. A single number above or below the limits changes nothing, and
/// threads that wait because the process itself has more of them, as its compiler's, change nothing either.
/// </summary>
/// <param name="processors">Processors that the process may use.</param>
internal sealed class BusyProcessors(int processors)
{
    // Processors' time that threads have waited for in a second. In trainings on two threads it was 0.02 to 0.2 on an idle machine, and
    // beside a busy process 0.6 to 1.1 where threads looked out, 0.5 where they slept. Of the two processors the process had 1.9 to 2
    // while threads looked out on an idle machine, whatever else it did, and 1.2 to 1.4 beside the other one.
    private const double Busy = 0.35;
    private const double Idle = 0.2;
    private const int NumbersToBusy = 2;
    private const int NumbersToIdle = 4;

    private int _row;

    /// <summary>Whether they do.</summary>
    public bool AreBusy { get; private set; }

    /// <summary>Takes the next numbers.</summary>
    /// <param name="ran">Running of all threads in the time that has passed, as a multiple of it.</param>
    /// <param name="waited">Waiting of all threads, likewise.</param>
    public void Add(double ran, double waited)
    {
        bool differs = AreBusy ? waited < Idle : waited > Busy && processors - ran > Busy;
        _row = differs ? _row + 1 : 0;
        if (_row < (AreBusy ? NumbersToIdle : NumbersToBusy))
            return;
        AreBusy = !AreBusy;
        _row = 0;
    }
}
