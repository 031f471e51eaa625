using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Steps per second and peak memory of training low-rank adapters (rank 8 on queries and values) of nanoGPT's small model (4 layers, 4
/// heads, 128 wide, context 64, batch 12), beside those of training all of its weights. Each training has a process of its own, which
/// loads its base model from a file and keeps its peak of memory; the trainings take turns, and the median of their rates counts.
/// </summary>
internal static class LoraWorkload
{
    private const int BatchSize = 12;

    private static readonly LanguageModelArchitecture _small = LanguageModelArchitecture.GptNano with
    {
        Layers = 4,
        Heads = 4,
        EmbeddingSize = 128,
        ContextLength = 64,
    };

    private static readonly LanguageModelArchitecture _wide = _small with { Heads = 16, EmbeddingSize = 1280 };

    public static object Run(BenchmarkSettings settings)
    {
        using var bases = new Bases(_small, settings);
        JsonObject[] runs = Measure(
            settings, ("lora-adapter", bases.Save(WeightFormat.Float32)), ("lora-full", bases.Save(WeightFormat.Float32)));
        return new
        {
            workload = "lora",
            rounds = settings.Stream.Rounds,
            lora = runs[0],
            full = runs[1],
            steps_ratio = Ratio(runs[0], runs[1], "steps_per_s"),
            memory_ratio = Ratio(runs[0], runs[1], "peak_mib"),
            trained_share = Ratio(runs[0], runs[1], "trained_parameters"),
        };
    }

    /// <summary>
    /// The same adapters over weights in NF4, beside those over floats and beside the training of all weights; of a model that is ten times
    /// wider, where weights matter.
    /// </summary>
    public static object RunQuantized(BenchmarkSettings settings)
    {
        using var bases = new Bases(_wide, settings);
        string floats = bases.Save(WeightFormat.Float32);
        JsonObject[] runs = Measure(
            settings, ("lora-adapter", bases.Save(WeightFormat.Nf4)), ("lora-adapter", floats), ("lora-full", floats));
        return new
        {
            workload = "qlora",
            rounds = settings.Stream.Rounds,
            nf4 = runs[0],
            floats = runs[1],
            full = runs[2],
            steps_ratio = Ratio(runs[0], runs[1], "steps_per_s"),
            memory_ratio = Ratio(runs[0], runs[1], "peak_mib"),
            memory_ratio_to_full = Ratio(runs[0], runs[2], "peak_mib"),
            weights_ratio = Ratio(runs[0], runs[1], "weight_bytes"),
        };
    }

    public static object RunAdapter(BenchmarkSettings settings) =>
        Train("lora-adapter", settings, new LoraOptions { Rank = 8, TargetModules = ["query", "value"] });

    public static object RunFull(BenchmarkSettings settings) => Train("lora-full", settings, null);

    private static double Ratio(JsonObject one, JsonObject other, string name) =>
        Math.Round((double)one[name]! / (double)other[name]!, 4);

    // In turns.
    private static JsonObject[] Measure(BenchmarkSettings settings, params (string Workload, string Model)[] trainings)
    {
        List<JsonObject>[] runs = [.. trainings.Select(_ => new List<JsonObject>())];
        for (int round = 0; round < settings.Stream.Rounds; round++)
        {
            foreach (((string workload, string model), List<JsonObject> own) in trainings.Zip(runs))
            {
                List<string> arguments =
                    [workload, "--model", model, "--seconds", settings.Seconds.ToString(CultureInfo.InvariantCulture)];
                if (settings.Threads is { } threads)
                    arguments.AddRange(["--threads", threads.ToString(CultureInfo.InvariantCulture)]);
                own.Add(ChildRun.Measure(arguments));
            }
        }

        return [.. runs.Select(own => own.OrderBy(run => (double)run["steps_per_s"]!).ElementAt(own.Count / 2))];
    }

    private static object Train(string name, BenchmarkSettings settings, LoraOptions? adapter)
    {
        var ml = new MLContext(seed: 1);
        using var model = (LanguageModelTransformer)ml.Model.Load(
            settings.Model ?? throw new InvalidOperationException($"{name} needs the base model's file: --model."), out _);
        using Process process = Process.GetCurrentProcess();
        double loaded = process.WorkingSet64 / 1048576.0;
        var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        using LanguageModelTransformer trained = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
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
        }).Fit(Bases.Rows(ml));
        process.Refresh();
        return new
        {
            workload = name,
            format = model.WeightFormat.ToString(),
            steps_per_s = Math.Round(clock.StepsPerSecond, 2),
            loaded_mib = Math.Round(loaded, 1),
            peak_mib = Math.Round(process.PeakWorkingSet64 / 1048576.0, 1),
            weight_bytes = model.WeightBytes,
            trained_parameters = adapter is null ? model.Architecture.CountParameters() : trained.CountAdapterParameters(),
            threads = settings.Threads ?? torch.get_num_threads(),
        };
    }

    /// <summary>Files of a model whose weights are random.</summary>
    private sealed class Bases : IDisposable
    {
        private readonly MLContext _ml = new(seed: 1);
        private readonly string _folder = Directory.CreateTempSubdirectory("lora-").FullName;
        private readonly LanguageModelTransformer _model;

        public Bases(LanguageModelArchitecture architecture, BenchmarkSettings settings) =>
            _model = _ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
            {
                Architecture = architecture,
                BatchSize = BatchSize,
                Tokenizer = GenerativeTokenizers.CharacterLevel([Text]),
                MaxSteps = 1,
                Optimizer = OptimizerKind.Sgd,
                Precision = ComputePrecision.Float32,
                Threads = settings.Threads,
            }).Fit(Rows(_ml));

        private static string Text { get; } = Random();

        public static IDataView Rows(MLContext ml) => ml.Data.LoadFromEnumerable([new Document { Text = Text }]);

        public string Save(WeightFormat format)
        {
            string file = Path.Combine(_folder, $"{format}.zip");
            using LanguageModelTransformer stored = _model.Quantize(format);
            _ml.Model.Save(stored, Rows(_ml).Schema, file);
            return file;
        }

        public void Dispose()
        {
            _model.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private static string Random()
        {
            var random = new Random(1);
            return new([.. Enumerable.Range(0, 1_000_000).Select(_ => (char)('!' + random.Next(65)))]);
        }
    }

    private sealed class Document
    {
        public string Text { get; set; } = "";
    }
}
