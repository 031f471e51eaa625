using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>
/// Lets another process do the checks. Where libtorch ends it, or a check takes too long, that check has failed, and a new process goes on
/// with the next.
/// </summary>
internal static class Supervisor
{
    public static int Run(CheckOptions options)
    {
        var watch = Stopwatch.StartNew();
        Queue<Check> left = new(options.Choose());
        Dictionary<string, int> results = [];
        while (left.Count > 0 && watch.Elapsed.TotalSeconds < options.Seconds)
            RunWorker(options, left, watch, result => results[result] = results.GetValueOrDefault(result) + 1);
        foreach (Check check in left)
        {
            Worker.Write(Worker.Result(check.Name, "skipped", 0, null, "The time was up.").ToJsonString());
            results["skipped"] = results.GetValueOrDefault("skipped") + 1;
        }

        int failed = results.GetValueOrDefault("failed");
        Worker.Write(new JsonObject
        {
            ["passed"] = results.GetValueOrDefault("passed"),
            ["failed"] = failed,
            ["skipped"] = results.GetValueOrDefault("skipped"),
            ["seconds"] = Math.Round(watch.Elapsed.TotalSeconds, 1),
        }.ToJsonString());
        return failed == 0 ? 0 : 1;
    }

    private static void RunWorker(CheckOptions options, Queue<Check> left, Stopwatch watch, Action<string> count)
    {
        using Process process = Start(options, left);
        using var lines = new BlockingCollection<string>();
        var errors = new ConcurrentQueue<string>();
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is null)
                lines.CompleteAdding();
            else
                lines.Add(e.Data);
        };
        process.ErrorDataReceived += (_, e) =>
        {
            if (!string.IsNullOrWhiteSpace(e.Data))
                errors.Enqueue(e.Data);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        Check? current = null;
        double begun = watch.Elapsed.TotalSeconds;
        while (true)
        {
            double until = Math.Min(options.Seconds, begun + (current?.Limit ?? left.Peek().Limit));
            int wait = (int)Math.Max(0, (until - watch.Elapsed.TotalSeconds) * 1000);
            bool isLine = lines.TryTake(out string? line, wait);
            if (isLine && line!.StartsWith(Worker.Begins, StringComparison.Ordinal))
            {
                (current, begun) = (left.Dequeue(), watch.Elapsed.TotalSeconds);
            }
            else if (isLine && line!.StartsWith('{'))
            {
                Worker.Write(line);
                count(JsonNode.Parse(line)!["result"]!.GetValue<string>());
                current = null;
                if (left.Count == 0)
                    break;
            }
            else if (!isLine)
            {
                bool isOver = !lines.IsCompleted;
                if (isOver)
                    process.Kill(entireProcessTree: true);
                process.WaitForExit();
                if (isOver || current is not null || process.ExitCode != 3)
                    Report(current ?? left.Dequeue(), isOver, process.ExitCode, errors, watch.Elapsed.TotalSeconds - begun, count);
                return;
            }
        }

        process.WaitForExit();
    }

    private static void Report(
        Check check, bool isOver, int code, IEnumerable<string> errors, double seconds, Action<string> count)
    {
        string reason = isOver ? "It took too long." : $"Its process ended with code {code}.";
        string said = string.Join(" | ", errors.Where(e => !e.StartsWith("   at System", StringComparison.Ordinal)).Take(12));
        Worker.Write(Worker.Result(check.Name, "failed", seconds, null, $"{reason} {said}").ToJsonString());
        count("failed");
    }

    private static Process Start(CheckOptions options, Queue<Check> left)
    {
        string program = Environment.ProcessPath!;
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        List<string> arguments = isHost ? [typeof(Supervisor).Assembly.Location] : [];
        arguments.AddRange([
            "--worker", "--seconds", options.Seconds.ToString(CultureInfo.InvariantCulture),
            "--exactly", string.Join(',', left.Select(c => c.Name))]);
        if (options.IsSmall)
            arguments.Add("--small");
        return Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
