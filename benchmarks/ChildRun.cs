using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Another run of this program: what a process has once had in memory, it does not forget.</summary>
internal static class ChildRun
{
    /// <summary>Runs with other arguments and returns the line of JSON that it prints.</summary>
    public static JsonObject Measure(params IEnumerable<string> arguments)
    {
        string program = Environment.ProcessPath!;
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        var start = new ProcessStartInfo(
            program, isHost ? arguments.Prepend(Assembly.GetEntryAssembly()!.Location) : arguments)
        { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonNode.Parse(output.TrimEnd().Split('\n')[^1])!.AsObject()
            : throw new InvalidOperationException($"'{string.Join(' ', arguments)}' ended with code {process.ExitCode}.");
    }
}
