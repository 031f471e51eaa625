using System.Diagnostics;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Programs that tests start, foremost InterruptedTraining.</summary>
internal static class ChildProgram
{
    /// <summary>InterruptedTraining is built beside this project, in the same configuration and for the same framework.</summary>
    public static string Folder { get; } = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)
        .Replace("Microsoft.ML.Generative.Tests", "InterruptedTraining", StringComparison.Ordinal);

    /// <summary>What <c>dotnet</c> runs.</summary>
    public static string Library { get; } = Path.Combine(Folder, "InterruptedTraining.dll");

    /// <summary>A program with its arguments, whose output is read.</summary>
    public static ProcessStartInfo Of(string name, params string[] arguments) =>
        new(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

    /// <summary>Runs a program to its end.</summary>
    public static (int Code, string Output, string Errors) Run(ProcessStartInfo start)
    {
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
