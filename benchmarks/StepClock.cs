using System.Diagnostics;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Measures a training from its second report on, when everything is warm, and stops it when the time is up.</summary>
/// <param name="stopping">Cancelled when the time is up; by default the training goes to its end.</param>
/// <param name="seconds">The time.</param>
/// <param name="steps">Steps that have to be done before it is up.</param>
internal sealed class StepClock(
    CancellationTokenSource? stopping = null, double seconds = double.PositiveInfinity, long steps = 0) : IProgress<TrainingProgress>
{
    private readonly List<(long Step, double Seconds, TimeSpan Processors)> _reports = [];

    public double StepsPerSecond => Rate(0, _reports.Count - 1);

    /// <summary>
    /// Steps per second in the first quarter of the reports: a training that becomes slower shows in the difference to the last.
    /// </summary>
    public double FirstQuarter => Rate(0, Quarter);

    /// <summary>Steps per second in the last quarter of the reports.</summary>
    public double LastQuarter => Rate(_reports.Count - 1 - Quarter, _reports.Count - 1);

    /// <summary>
    /// The time of all processors that a step takes, in milliseconds: on a machine that is shared it varies less than steps per second.
    /// </summary>
    public double ProcessorMilliseconds => (_reports[^1].Processors - _reports[0].Processors).TotalMilliseconds / Steps;

    /// <summary>Steps measured.</summary>
    public long Steps => _reports[^1].Step - _reports[0].Step;

    /// <summary>The time measured.</summary>
    public double Seconds => _reports[^1].Seconds - _reports[0].Seconds;

    private int Quarter => Math.Max(1, (_reports.Count - 1) / 4);

    public void Report(TrainingProgress value)
    {
        using var process = Process.GetCurrentProcess();
        _reports.Add((value.Step, value.Elapsed.TotalSeconds, process.TotalProcessorTime));
        if (Seconds > seconds && Steps >= steps)
            stopping?.Cancel();
    }

    private double Rate(int from, int to) => (_reports[to].Step - _reports[from].Step) / (_reports[to].Seconds - _reports[from].Seconds);
}
