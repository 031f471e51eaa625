namespace Microsoft.ML.Generative.Tests;

/// <summary>A test of what exists on Linux alone.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute()
    {
        if (!OperatingSystem.IsLinux())
            Skip = "Runs on Linux only.";
    }
}
