using System.ComponentModel;
using System.Diagnostics;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>Finds libtorch where nobody names it.</summary>
internal static class LibTorchSearch
{
    public static string Python { get; } = "python3";

    public static void Find()
    {
        const string Variable = "GENERATIVE_LIBTORCH";
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 }
            || RunPython("-c", "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0] + '/lib')")
                is not { } folder)
        {
            return;
        }

        // For the process that does the checks, and for this one.
        Environment.SetEnvironmentVariable(Variable, folder);
        TorchRuntime.LibTorchDirectory = folder;
    }

    private static string? RunPython(params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(Python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(start)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            string output = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 && output.Length > 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
