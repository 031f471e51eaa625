using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// LoRA, rsLoRA, DoRA and the training of all weights on the same data and steps: a model of Tiny Shakespeare (4 layers, 4 heads, 128 wide,
/// context 64, characters) learns names of persons. Final loss on names that it has not seen, trained share, bytes of the adapter, steps
/// per second beside those of the training of all weights, and peak memory. The trainings have processes of their own and take turns.
/// </summary>
internal static class LoraQualityWorkload
{
    private const int BaseSteps = 2_000;
    private const int Steps = 300;

    private static readonly Dictionary<string, Func<LoraOptions?>> _methods = new()
    {
        ["full"] = () => null,
        ["lora-attention"] = () => new LoraOptions { Rank = 8, Alpha = 16, TargetModules = ["query", "value"] },
        ["lora"] = () => new LoraOptions { Rank = 8, Alpha = 16 },
        ["rslora-32"] = () => new LoraOptions { Rank = 32, Alpha = 16, UseRsLora = true },
        ["dora"] = () => new LoraOptions { Rank = 8, Alpha = 16, UseDora = true },
        ["pissa"] = () => new LoraOptions { Rank = 8, Alpha = 16, Initialization = LoraInitialization.Pissa },
    };

    public static object Run(BenchmarkSettings settings)
    {
        string file = Path.Combine(Path.GetTempPath(), $"lora-base-{Guid.NewGuid():N}.zip");
        try
        {
            TrainBase(settings, file);
            Dictionary<string, List<JsonObject>> runs = _methods.Keys.ToDictionary(method => method, _ => new List<JsonObject>());
            for (int round = 0; round < settings.Stream.Rounds; round++)
            {
                foreach ((string method, List<JsonObject> own) in runs)
                    own.Add(ChildRun.Measure(Arguments(settings, method, file)));
            }

            double full = Median(runs["full"], "steps_per_s");
            foreach (List<JsonObject> own in runs.Values)
            {
                own[0]["steps_per_s"] = Math.Round(Median(own, "steps_per_s"), 1);
                own[0]["steps_ratio"] = Math.Round(Median(own, "steps_per_s") / full, 2);
            }

            return new
            {
                workload = "lora-quality",
                rounds = settings.Stream.Rounds,
                methods = runs.Values.Select(own => own[0]).ToArray(),
            };
        }
        finally
        {
            File.Delete(file);
        }
    }

    public static object RunMethod(BenchmarkSettings settings)
    {
        string method = settings.Data;
        var ml = new MLContext(seed: 1);
        using var model = (LanguageModelTransformer)ml.Model.Load(
            settings.Model ?? throw new InvalidOperationException("lora-method needs the base model's file: --model."), out _);
        (IDataView train, IDataView test) = Names(ml);
        var clock = new StepClock();
        using LanguageModelTransformer tuned = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = model,
            Adapter = _methods[method](),
            BatchSize = 16,
            MaxSteps = Steps,
            Seed = 2,
            Precision = ComputePrecision.Float32,
            Threads = settings.Threads,
            Progress = clock,
        }).Fit(train);
        using Process process = Process.GetCurrentProcess();
        double peak = process.PeakWorkingSet64 / 1048576.0;
        long all = model.Architecture.CountParameters(), trained = tuned.ActiveAdapter is null ? all : tuned.CountAdapterParameters();
        return new
        {
            method,
            loss = Math.Round(ml.Generative().EvaluateLanguageModel(tuned, test).NegativeLogLikelihood, 4),
            trained_share = Math.Round((double)trained / all, 4),
            adapter_bytes = tuned.ActiveAdapter is null ? 0 : AdapterBytes(tuned),
            steps_per_s = Math.Round(clock.StepsPerSecond, 1),
            peak_mib = Math.Round(peak, 1),
        };
    }

    private static List<string> Arguments(BenchmarkSettings settings, string method, string file)
    {
        List<string> arguments = ["lora-method", "--data", method, "--model", file];
        if (settings.Threads is { } threads)
            arguments.AddRange(["--threads", threads.ToString(CultureInfo.InvariantCulture)]);
        return arguments;
    }

    private static void TrainBase(BenchmarkSettings settings, string file)
    {
        var ml = new MLContext(seed: 1);
        string text = File.ReadAllText(Path.Combine(ml.Generative().DataDirectory, "tinyshakespeare", "input.txt"));
        IDataView data = Rows(ml, text[..(text.Length * 9 / 10)]);
        using LanguageModelTransformer model = ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = 64 },
            Tokenizer = GenerativeTokenizers.CharacterLevel([text]),
            BatchSize = 16,
            MaxSteps = BaseSteps,
            Seed = 1,
            Precision = ComputePrecision.Float32,
            Threads = settings.Threads,
        }).Fit(data);
        ml.Model.Save(model, data.Schema, file);
    }

    private static (IDataView Train, IDataView Test) Names(MLContext ml)
    {
        string[] names = File.ReadAllLines(Path.Combine(ml.Generative().DataDirectory, "names", "names.txt"));
        new Random(1).Shuffle(names);
        int train = names.Length * 9 / 10;
        return (Rows(ml, Lines(names[..train])), Rows(ml, Lines(names[train..])));

        static string Lines(string[] some) => string.Concat(some.Select(name => $"{name}\n"));
    }

    private static IDataView Rows(MLContext ml, string text) => ml.Data.LoadFromEnumerable([new Document { Text = text }]);

    private static long AdapterBytes(LanguageModelTransformer model)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"lora-{Guid.NewGuid():N}");
        try
        {
            model.SaveAdapter(folder);
            return new FileInfo(Path.Combine(folder, "adapter_model.safetensors")).Length;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Median(List<JsonObject> runs, string name) =>
        runs.Select(run => (double)run[name]!).Order().ElementAt(runs.Count / 2);

    private sealed class Document
    {
        public string Text { get; set; } = "";
    }
}
