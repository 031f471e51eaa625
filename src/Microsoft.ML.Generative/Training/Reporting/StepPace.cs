namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>How long steps take: over the last quarter of a minute, and without the first step, which waits for code and memory.</summary>
internal sealed class StepPace
{
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _betweenMarks = _window / 100;

    // The ends of earlier steps.
    private readonly Queue<(long Step, TimeSpan Elapsed)> _marks = new();
    private (long Step, TimeSpan Elapsed) _begin;
    private (long Step, TimeSpan Elapsed) _newest;
    private TimeSpan _lastMark;

    /// <summary>Begins after a step.</summary>
    public void Begin(long step, TimeSpan elapsed) => _begin = _newest = (step, elapsed);

    /// <summary>Takes note of the end of a step.</summary>
    public void Add(long step, TimeSpan elapsed)
    {
        _newest = (step, elapsed);
        if (_marks.Count == 0 || elapsed - _lastMark >= _betweenMarks)
        {
            _marks.Enqueue(_newest);
            _lastMark = elapsed;
        }

        // Slow steps need one that is older than the window.
        while (_marks.Count > 2 && elapsed - _marks.Peek().Elapsed > _window)
            _marks.Dequeue();
    }

    /// <summary>The time that a number of steps will take.</summary>
    public TimeSpan TimeOf(double steps)
    {
        (long step, TimeSpan elapsed) = _marks.Count > 0 && _marks.Peek().Step < _newest.Step ? _marks.Peek() : _begin;
        if (_newest.Step == step)
            return TimeSpan.Zero;
        double seconds = (_newest.Elapsed - elapsed).TotalSeconds / (_newest.Step - step) * steps;
        return TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.TotalSeconds / 2));
    }
}
