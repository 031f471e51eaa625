using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Benchmarks;
using Microsoft.ML.Generative.Benchmarks.Results;
using Microsoft.ML.Generative.Runtime;

Dictionary<string, Func<BenchmarkSettings, object>> workloads = new()
{
    ["vae"] = VaeWorkload.Run,
    ["ingest"] = IngestWorkload.Run,
    ["score"] = ScoreWorkload.Run,
    ["matmul"] = MatmulWorkload.Run,
    ["elbo"] = ElboWorkload.Run,
    ["mnist-nll"] = MnistLikelihoodWorkload.Run,
    ["precision"] = PrecisionWorkload.Run,
    ["stream"] = StreamWorkload.Run,
    ["gpt"] = GptWorkload.RunFloat32,
    ["gpt-bf16"] = GptWorkload.RunBFloat16,
    ["bert"] = EncoderWorkload.RunMasked,
    ["embed"] = EncoderWorkload.RunEmbed,
    ["polarity"] = PolarityWorkload.Run,
    ["lora"] = LoraWorkload.Run,
    ["lora-adapter"] = LoraWorkload.RunAdapter,
    ["lora-full"] = LoraWorkload.RunFull,
    ["qlora"] = LoraWorkload.RunQuantized,
    ["lora-quality"] = LoraQualityWorkload.Run,
    ["lora-method"] = LoraQualityWorkload.RunMethod,
    ["ppo"] = AlignmentWorkload.RunPpo,
    ["grpo"] = AlignmentWorkload.RunGrpo,
    ["dpo"] = AlignmentWorkload.RunDpo,
    ["alignment-quality"] = AlignmentQualityWorkload.Run,
    ["dcgan"] = GanWorkload.RunFloat32,
    ["dcgan-bf16"] = GanWorkload.RunBFloat16,
    ["mnist-gan"] = MnistGanWorkload.Run,
    ["decode-260k"] = DecodeWorkload.Run260K,
    ["decode-15m"] = DecodeWorkload.Run15M,
    ["decode-15m-bf16"] = DecodeWorkload.Run15MBFloat16,
    ["decode-15m-int8"] = DecodeWorkload.Run15MInt8,
    ["decode-15m-q8"] = DecodeWorkload.Run15MQ8,
    ["decode-15m-q4"] = DecodeWorkload.Run15MQ4,
    ["decode-15m-nf4"] = DecodeWorkload.Run15MNf4,
    ["decode-batch"] = DecodeWorkload.RunBatch,
    ["prefill-15m"] = PrefillWorkload.Run15M,
    ["t5-decode"] = SequenceDecodeWorkload.Run,
    ["t5-decode-batch"] = SequenceDecodeWorkload.RunBatch,
    ["tokenize"] = TokenizeWorkload.Run,
    ["ddpm"] = DiffusionWorkload.RunFloat32,
    ["ddpm-bf16"] = DiffusionWorkload.RunBFloat16,
    ["ddpm-middle-attention"] = DiffusionWorkload.RunMiddleAttention,
    ["sample"] = DiffusionWorkload.RunSample,
    ["serve"] = ServeWorkload.Run,
    ["soak"] = SoakWorkload.Run,
    ["schedule"] = ScheduleWorkload.Run,
    ["music"] = MusicWorkload.Run,
    ["music-lm"] = MusicWorkload.RunLanguageModel,
    ["music-harmony"] = MusicWorkload.RunHarmony,
    ["music-vae"] = MusicWorkload.RunVae,
    ["music-diffusion"] = MusicWorkload.RunDiffusion,
    ["defaults"] = DefaultsWorkload.Run,
    ["results"] = WriteResults,
    ["distributed"] = DistributedWorkload.Run,
    ["startup"] = StartupWorkload.Run,
    ["startup-once"] = StartupWorkload.RunOnce,
    ["startup-preloaded"] = StartupWorkload.RunPreloaded,
};

Argument<string> workload = new("workload") { Description = $"One of: {string.Join(", ", workloads.Keys)}." };
workload.AcceptOnlyFromAmong([.. workloads.Keys]);
Option<int?> threads = new("--threads")
{
    Description = "Threads of libtorch. Default: libtorch's own choice. decode-*, t5-decode*: threads "
    + "of the decoder; default: 1. prefill-*: the same; default: all."
};
Option<double> seconds = new("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 10 };
Option<string> data = new("--data")
{
    Description = "elbo: mnist or fashion-mnist. defaults: one model, such as gan. distributed: gpt, gpt-10m, ddpm or vae. "
    + "lora-method: full, lora, dora or another method of lora-quality. polarity: features, small or tuned.",
    DefaultValueFactory = _ => "fashion-mnist",
};
Option<string?> model = new("--model")
{
    Description = "lora-adapter, lora-full, lora-method: the file of the base model. embed, polarity: the folder of the encoder. "
    + "music-harmony: the file of a trained model, which is measured in place of a new one.",
};
Option<string> preset = new("--preset")
{
    Description = "elbo: reference (784-400-20, Adam 1e-3, 10 epochs) or default (the library's defaults).",
    DefaultValueFactory = _ => "reference",
};
Option<int> epochs = new("--epochs") { Description = "mnist-nll: epochs.", DefaultValueFactory = _ => 60 };
Option<double> learningRate = new("--learning-rate") { Description = "mnist-nll: peak learning rate.", DefaultValueFactory = _ => 2e-3 };
Option<int> batchSize = new("--batch-size") { Description = "mnist-nll: batch size.", DefaultValueFactory = _ => 128 };
Option<int> samples =
    new("--importance-samples") { Description = "mnist-nll: draws of z for each row while training.", DefaultValueFactory = _ => 1 };
Option<ComputePrecision> precision = new("--precision")
{
    Description = "mnist-nll: what is multiplied in.",
    DefaultValueFactory = _ =>
    ComputePrecision.Auto
};
Option<double?> ema = new("--ema-decay") { Description = "mnist-nll: decay of the moving average of the weights. Default: none." };
Option<int[]> rows = new("--rows")
{
    Description = "stream: numbers of rows. Default: 10000 100000 1000000; the last of them with --hours or --steps.",
    AllowMultipleArgumentsPerToken = true,
};
Option<StreamMode?> mode =
    new("--mode") { Description = "stream: streamed or memory, in this process. Default: both, in processes of their own." };
Option<int> rounds =
    new("--rounds")
    {
        Description = "stream, lora, qlora, lora-quality: measurements of each mode, in turns; the median counts. "
        + "startup: processes. alignment-quality: seeds.",
        DefaultValueFactory = _ => 3,
    };
Option<double?> hours = new("--hours") { Description = "stream: goes on for so long, and prints its memory at least once a minute." };
Option<long?> steps = new("--steps")
{
    Description = "stream: goes on for so many steps, and prints its memory at least once a minute. "
    + "mnist-gan: steps of the training; default: 8000. music, music-*: steps of each training; default: 1500. "
    + "soak: requests; default: 10000."
};
Option<long?> bucketSize = new("--bucket-size") { Description = "distributed: bytes of a bucket of gradients. Default: the library's." };
Option<string?> save = new("--save") { Description = "Also writes the line to a file of this folder, for the page of results." };

RootCommand command = new("Measures the library; each workload prints one line of JSON.")
{
    workload, threads, seconds, data, preset, epochs, learningRate, batchSize, samples, precision, ema, rows, mode, rounds, hours, steps,
    model, bucketSize, save,
};
command.SetAction(parsed =>
{
    // As every training does, so that what is measured without one is the same.
    NativeHeap.KeepFreedMemory();
    BenchmarkSettings settings = new(
        parsed.GetValue(threads), parsed.GetValue(seconds), parsed.GetValue(data)!, parsed.GetValue(preset)!,
        parsed.GetValue(epochs), parsed.GetValue(learningRate), parsed.GetValue(batchSize), parsed.GetValue(samples),
        parsed.GetValue(precision), parsed.GetValue(ema),
        new StreamSettings(
            parsed.GetValue(rows) ?? [], parsed.GetValue(mode), parsed.GetValue(rounds), parsed.GetValue(hours), parsed.GetValue(steps)),
        parsed.GetValue(model), parsed.GetValue(bucketSize));
    string name = parsed.GetValue(workload)!;
    JsonNode result = JsonSerializer.SerializeToNode(workloads[name](settings))!;
    Console.WriteLine(result.ToJsonString());
    if (parsed.GetValue(save) is { } folder)
        SavedResults.Write(folder, name, args, result);
});
return command.Parse(args).Invoke();

// docs/results.md of benchmarks/results, in the repository that is the current folder.
static object WriteResults(BenchmarkSettings settings)
{
    string page = Path.Combine("docs", "results.md");
    File.WriteAllText(page, ResultsPage.Write(Path.Combine("benchmarks", "results")));
    return new { workload = "results", page };
}

internal sealed record BenchmarkSettings(int? Threads, double Seconds, string Data, string Preset,
    int Epochs, double LearningRate, int BatchSize, int ImportanceSamples, ComputePrecision Precision, double? EmaDecay,
    StreamSettings Stream, string? Model = null, long? BucketSize = null);
