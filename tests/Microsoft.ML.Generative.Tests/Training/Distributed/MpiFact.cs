using System.Diagnostics;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A test that starts processes with <c>mpirun</c>. It is skipped, with the reason, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MpiFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> _hasMpi = new(() =>
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("mpirun", ["--version"]) { RedirectStandardOutput = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    });

    public MpiFactAttribute()
    {
        if (!_hasMpi.Value)
            Skip = "needs mpirun: apt install openmpi-bin";
    }
}
