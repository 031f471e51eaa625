using System.CommandLine;
using System.Text.Json;
using Microsoft.ML.Generative.Benchmarks;

Dictionary<string, Func<BenchmarkSettings, object>> workloads = new()
{
    ["vae"] = VaeWorkload.Run,
    ["ingest"] = IngestWorkload.Run,
    ["score"] = ScoreWorkload.Run,
    ["matmul"] = MatmulWorkload.Run,
    ["elbo"] = ElboWorkload.Run,
    ["precision"] = PrecisionWorkload.Run,
};

Argument<string> workload = new("workload") { Description = $"One of: {string.Join(", ", workloads.Keys)}." };
workload.AcceptOnlyFromAmong([.. workloads.Keys]);
Option<int?> threads = new("--threads") { Description = "Threads of libtorch. Default: libtorch's own choice." };
Option<double> seconds = new("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 10 };
Option<string> data = new("--data") { Description = "elbo: mnist or fashion-mnist.", DefaultValueFactory = _ => "fashion-mnist" };
Option<string> preset = new("--preset") { Description = "elbo: reference (784-400-20, Adam 1e-3, 10 epochs) or default (the library's defaults).", DefaultValueFactory = _ => "reference" };

RootCommand command = new("Measures the library; each workload prints one line of JSON.") { workload, threads, seconds, data, preset };
command.SetAction(parsed =>
{
    BenchmarkSettings settings = new(
        parsed.GetValue(threads), parsed.GetValue(seconds), parsed.GetValue(data)!, parsed.GetValue(preset)!);
    Console.WriteLine(JsonSerializer.Serialize(workloads[parsed.GetValue(workload)!](settings)));
});
return command.Parse(args).Invoke();

internal sealed record BenchmarkSettings(int? Threads, double Seconds, string Data, string Preset);
