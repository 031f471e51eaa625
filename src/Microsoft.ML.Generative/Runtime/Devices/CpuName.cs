using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>The product name of the CPU.</summary>
internal static class CpuName
{
    public static string Find() =>
        FromLinux() ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? $"CPU ({RuntimeInformation.ProcessArchitecture})";

    private static string? FromLinux()
    {
        const string File = "/proc/cpuinfo";
        try
        {
            return System.IO.File.Exists(File)
                ? System.IO.File.ReadLines(File).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
                    ?.Split(':', 2)[^1].Trim()
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
