using Microsoft.ML.Generative.Runtime.Contention;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A test of threads that wait for processors: on systems that count it, with more than one processor.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ProcessorWaitsFactAttribute : FactAttribute
{
    public ProcessorWaitsFactAttribute()
    {
        if (ProcessorWaits.Total() is null)
            Skip = "The system does not count how long threads wait for a processor.";
        else if (Environment.ProcessorCount == 1)
            Skip = "On one processor threads always sleep.";
    }
}
