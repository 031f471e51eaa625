using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second and peak memory of training low-rank adapters (rank 8 on queries and values) of nanoGPT's small model (4 layers, 4
/// heads, 128 wide, context 64, batch 12), beside those of training all of its weights. Each training has a process of its own, which keeps
/// its peak of memory.
/// </summary>
internal static class LoraWorkload
{
    private const int BatchSize = 12;

    public static object Run(BenchmarkSettings settings)
    {
        JsonObject adapter = Measure("lora-adapter", settings), full = Measure("lora-full", settings);
        return new
        {
            workload = "lora",
            lora = adapter,
            full,
            steps_ratio = Math.Round((double)adapter["steps_per_s"]! / (double)full["steps_per_s"]!, 2),
            memory_ratio = Math.Round((double)adapter["peak_mib"]! / (double)full["peak_mib"]!, 3),
            trained_share = Math.Round((double)adapter["trained_parameters"]! / (double)full["trained_parameters"]!, 4),
        };
    }

    /// <summary>
    /// The same adapters over weights in NF4, beside those over floats; of a model that is ten times wider, where weights matter.
    /// </summary>
    public static object RunQuantized(BenchmarkSettings settings)
    {
        JsonObject quantized = Measure("qlora-nf4", settings), floats = Measure("qlora-float", settings);
        return new
        {
            workload = "qlora",
            nf4 = quantized,
            floats,
            steps_ratio = Math.Round((double)quantized["steps_per_s"]! / (double)floats["steps_per_s"]!, 2),
            memory_ratio = Math.Round((double)quantized["peak_mib"]! / (double)floats["peak_mib"]!, 3),
            weights_ratio = Math.Round((double)quantized["weight_bytes"]! / (double)floats["weight_bytes"]!, 3),
        };
    }

    public static object RunAdapter(BenchmarkSettings settings) => Train("lora-adapter", settings, Adapter, _small);

    public static object RunFull(BenchmarkSettings settings) => Train("lora-full", settings, null, _small);

    public static object RunNf4(BenchmarkSettings settings) => Train("qlora-nf4", settings, Adapter, _wide, WeightFormat.Nf4);

    public static object RunFloat(BenchmarkSettings settings) => Train("qlora-float", settings, Adapter, _wide);

    private static readonly LanguageModelArchitecture _small = LanguageModelArchitecture.GptNano with
    {
        Layers = 4,
        Heads = 4,
        EmbeddingSize = 128,
        ContextLength = 64,
    };

    private static readonly LanguageModelArchitecture _wide = _small with { Heads = 16, EmbeddingSize = 1280 };

    private static LoraOptions Adapter => new() { Rank = 8, TargetModules = ["query", "value"] };

    private static JsonObject Measure(string workload, BenchmarkSettings settings)
    {
        List<string> arguments = [workload, "--seconds", settings.Seconds.ToString(CultureInfo.InvariantCulture)];
        if (settings.Threads is { } threads)
            arguments.AddRange(["--threads", threads.ToString(CultureInfo.InvariantCulture)]);
        return ChildRun.Measure(arguments);
    }

    private static object Train(
        string name, BenchmarkSettings settings, LoraOptions? adapter, LanguageModelArchitecture architecture,
        WeightFormat format = WeightFormat.Float32)
    {
        var ml = new MLContext(seed: 1);
        var random = new Random(1);
        string text = new([.. Enumerable.Range(0, 1_000_000).Select(_ => (char)('!' + random.Next(65)))]);
        IDataView data = ml.Data.LoadFromEnumerable([new Document { Text = text }]);
        LanguageModelTransformer trainedBase = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Architecture = architecture,
            BatchSize = BatchSize,
            Tokenizer = GenerativeTokenizers.CharacterLevel([text]),
            MaxSteps = 1,
            Precision = ComputePrecision.Float32,
            Threads = settings.Threads,
        }).Fit(data);

        LanguageModelTransformer model = trainedBase.Quantize(format);
        trainedBase.Dispose();
        var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        var options = new LanguageModelOptions
        {
            BaseModel = model,
            Adapter = adapter,
            BatchSize = BatchSize,
            MaxSteps = long.MaxValue / 1000,
            Precision = ComputePrecision.Float32,
            Threads = settings.Threads,
            Progress = clock,
            CancellationToken = stopping.Token,
            OnCancel = CancellationBehavior.KeepBest,
        };
        using LanguageModelTransformer trained = ml.Transforms.Generative().LanguageModel(options).Fit(data);
        using Process process = Process.GetCurrentProcess();
        return new
        {
            workload = name,
            steps_per_s = Math.Round(clock.StepsPerSecond, 1),
            peak_mib = Math.Round(process.PeakWorkingSet64 / 1048576.0, 1),
            weight_bytes = model.WeightBytes,
            trained_parameters = adapter is null ? model.Architecture.CountParameters() : AdapterParameters(trained),
            threads = settings.Threads ?? torch.get_num_threads(),
        };
    }

    private static long AdapterParameters(LanguageModelTransformer model) => model.Networks.Active!.parameters().Sum(p => p.numel());

    private sealed class Document
    {
        public string Text { get; set; } = "";
    }
}
