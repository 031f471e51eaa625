using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>The same trainings by PyTorch, where there is one.</summary>
internal static class PeerChecks
{
    public static object Measure(string name, double seconds)
    {
        string script = Path.Combine(AppContext.BaseDirectory, "torch_train.py");
        var start = new ProcessStartInfo(LibTorchSearch.Python, [script, name, seconds.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0)
                return JsonNode.Parse(output.Trim().Split('\n')[^1])!;
            string said = errors.Result.Trim().Split('\n')[^1];
            throw said.Contains("No module named 'torch'", StringComparison.Ordinal)
                ? new CheckSkippedException("python3 has no PyTorch.")
                : new CheckFailedException(said);
        }
        catch (Win32Exception)
        {
            throw new CheckSkippedException("There is no python3.");
        }
        catch (JsonException e)
        {
            throw new CheckFailedException($"torch_train.py wrote no line of JSON: {e.Message}");
        }
    }
}
