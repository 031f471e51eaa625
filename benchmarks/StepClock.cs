namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Measures a training from its second report on, when everything is warm, and stops it when the time is up.</summary>
/// <param name="stopping">Cancelled when the time is up; by default the training goes to its end.</param>
/// <param name="seconds">The time.</param>
/// <param name="steps">Steps that have to be done before it is up.</param>
internal sealed class StepClock(CancellationTokenSource? stopping = null, double seconds = double.PositiveInfinity, long steps = 0) : IProgress<TrainingProgress>
{
    private TrainingProgress? _first;
    private TrainingProgress? _last;

    public double StepsPerSecond => (_last!.Step - _first!.Step) / Seconds;

    /// <summary>The time measured.</summary>
    public double Seconds => (_last!.Elapsed - _first!.Elapsed).TotalSeconds;

    public void Report(TrainingProgress value)
    {
        _first ??= value;
        _last = value;
        if ((value.Elapsed - _first.Elapsed).TotalSeconds > seconds && value.Step - _first.Step >= steps)
            stopping?.Cancel();
    }
}
