namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Measures the time that processors worked for this process: unlike that of a clock, it does not grow while others keep them busy.
/// </summary>
internal sealed class ProcessorTime
{
    private readonly TimeSpan _start = Environment.CpuUsage.TotalTime;

    public TimeSpan Elapsed => Environment.CpuUsage.TotalTime - _start;
}
