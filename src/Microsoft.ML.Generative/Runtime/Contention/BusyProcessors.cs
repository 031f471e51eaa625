namespace Microsoft.ML.Generative.Runtime.Contention;

/// <summary>
/// Whether other work wants the processors that threads look out on. A single number above or below the limits changes nothing: the
/// runtime's compiler and its collections keep threads waiting, too.
/// </summary>
internal sealed class BusyProcessors
{
    // Processors' time that threads have waited for in a second. In trainings on two threads it was 0.02 to 0.2 on an idle machine, and
    // beside a busy process 0.6 to 1.1 where threads looked out, 0.5 where they slept.
    private const double Busy = 0.35;
    private const double Idle = 0.2;
    private const int NumbersToBusy = 2;
    private const int NumbersToIdle = 4;

    private int _row;

    /// <summary>Whether they are.</summary>
    public bool AreBusy { get; private set; }

    /// <summary>Takes the next number.</summary>
    /// <param name="waits">Waiting of all threads in the time that has passed, as a multiple of it.</param>
    public void Add(double waits)
    {
        bool differs = AreBusy ? waits < Idle : waits > Busy;
        _row = differs ? _row + 1 : 0;
        if (_row < (AreBusy ? NumbersToIdle : NumbersToBusy))
            return;
        AreBusy = !AreBusy;
        _row = 0;
    }
}
