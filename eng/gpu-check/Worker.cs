using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>Does checks, and says so in lines: that one begins, and how it ended.</summary>
internal static class Worker
{
    public const string Begins = "begins ";

    private static readonly JsonSerializerOptions _json = new()
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static int Run(CheckOptions options)
    {
        foreach (Check check in options.Choose())
        {
            Write(Begins + check.Name);
            JsonObject result = Do(check, out bool isDeviceLost);
            Write(result.ToJsonString(_json));
            // After such an error every call fails: a new process goes on.
            if (isDeviceLost)
                return 3;
        }

        return 0;
    }

    public static JsonObject Result(string name, string state, double seconds, object? figures, string? error)
    {
        var line = new JsonObject { ["check"] = name, ["result"] = state, ["seconds"] = Math.Round(seconds, 2) };
        if (figures is not null)
        {
            foreach (var (key, value) in JsonSerializer.SerializeToNode(figures, _json)!.AsObject())
                line[key] = value?.DeepClone();
        }

        if (error is not null)
            line["error"] = error;
        return line;
    }

    public static void Write(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }

    private static JsonObject Do(Check check, out bool isDeviceLost)
    {
        isDeviceLost = false;
        var watch = Stopwatch.StartNew();
        try
        {
            object figures = check.Run();
            return Result(check.Name, "passed", watch.Elapsed.TotalSeconds, figures, null);
        }
        catch (CheckSkippedException e)
        {
            return Result(check.Name, "skipped", watch.Elapsed.TotalSeconds, null, e.Message);
        }
        catch (CheckFailedException e)
        {
            return Result(check.Name, "failed", watch.Elapsed.TotalSeconds, e.Figures, e.Message);
        }
        catch (Exception e)
        {
            isDeviceLost = e.Message.Contains("CUDA error", StringComparison.Ordinal);
            string[] lines = e.ToString().Split('\n');
            string ours = string.Join(" < ", lines.Where(l => l.TrimStart().StartsWith("at ", StringComparison.Ordinal)).Take(14)
                .Select(l => l.Trim()[3..]));
            return Result(check.Name, "failed", watch.Elapsed.TotalSeconds, null, $"{e.GetType().Name}: {Short(e.Message)} | {ours}");
        }
    }

    private static string Short(string text) => text.Length < 800 ? text : text[..800];
}
