using Microsoft.ML.Data;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>Steps per second of whole trainings, in the shapes that torch_train.py trains, too.</summary>
internal static class SpeedChecks
{
    private const int Vocabulary = 50_257;
    private static readonly Lazy<GenerativeTokenizer> _manyCharacters = new(() => GenerativeTokenizers.CharacterLevel(
        [new string([.. Enumerable.Range(0, Vocabulary).Select(Character)])]));

    public static GenerativeTokenizer ManyCharacters => _manyCharacters.Value;

    public static IEnumerable<string> Names(bool isSmall) =>
        isSmall ? ["vae", "gpt"] : ["vae", "gpt", "gpt2-bf16", "ddpm", "dcgan", "gpt-bf16", "ddpm-bf16", "gpt2-tf32"];

    public static object Measure(string name, double seconds, bool isSmall)
    {
        MLContext ml = Outputs.Context();
        List<TrainingProgress> reports = [];
        using var stop = new CancellationTokenSource();
        TrainingProgress? first = null;
        void Receive(TrainingProgress report)
        {
            // The first seconds choose kernels and fill pools.
            if (first is null && report.Elapsed.TotalSeconds > seconds / 4 && report.Step > 8)
                first = report;
            reports.Add(report);
            if (first is not null && report.Elapsed - first.Elapsed > TimeSpan.FromSeconds(seconds))
                stop.Cancel();
        }

        (TrainingOptions options, Func<IDisposable> fit) = Training(ml, name);
        options.Seed = 1;
        options.MaxSteps = 1_000_000;
        options.Threads = isSmall ? 1 : null;
        options.Progress = new Reports(Receive);
        options.CancellationToken = stop.Token;
        options.OnCancel = CancellationBehavior.Throw;
        try
        {
            fit().Dispose();
        }
        catch (OperationCanceledException)
        {
            // Enough was seen.
        }

        TrainingProgress last = reports[^1];
        double time = (last.Elapsed - first!.Elapsed).TotalSeconds;
        return new
        {
            steps_per_s = Math.Round((last.Step - first.Step) / time, 2),
            steps = last.Step - first.Step,
            per_s = Math.Round(last.SamplesPerSecond),
            unit = last.SampleUnit,
            device = last.Device,
            device_mib = last.DeviceMemory >> 20,
            device_growth_mib = last.DeviceMemory - first.DeviceMemory >> 20,
            loss = Math.Round(last.RecentLoss, 4),
        };
    }

    private static (TrainingOptions Options, Func<IDisposable> Fit) Training(MLContext ml, string name)
    {
        ComputePrecision precision = name.EndsWith("-bf16", StringComparison.Ordinal) ? ComputePrecision.BFloat16
            : name.EndsWith("-tf32", StringComparison.Ordinal) ? ComputePrecision.TensorFloat32 : ComputePrecision.Float32;
        switch (name.Split('-')[0])
        {
            case "vae":
                var vae = new VaeOptions
                {
                    LatentSize = 20,
                    HiddenSizes = [400],
                    BatchSize = 128,
                    LearningRate = 1e-3,
                    Beta2 = 0.999,
                    LearningRateSchedule = LearningRateSchedule.Constant,
                    WarmupSteps = 0,
                };
                return (vae, () => ml.Transforms.Generative().Vae(vae).Fit(ml.Generative().Datasets.Digits(10_240, seed: 1)));
            case "gpt":
                LanguageModelArchitecture small =
                    LanguageModelArchitecture.GptNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = 64 };
                LanguageModelOptions gpt = Gpt(small, 12, precision);
                gpt.Tokenizer = GenerativeTokenizers.CharacterLevel([Characters(65, 1_000)]);
                return (gpt, () => ml.Transforms.Generative().LanguageModel(gpt).Fit(Text(ml, Characters(65, 500_000))));
            case "gpt2":
                LanguageModelOptions gpt2 = Gpt(LanguageModelArchitecture.Gpt2, 8, precision);
                gpt2.Tokenizer = ManyCharacters;
                return (gpt2, () => ml.Transforms.Generative().LanguageModel(gpt2).Fit(Text(ml, Characters(Vocabulary, 500_000))));
            case "ddpm":
                var ddpm = new DiffusionOptions
                {
                    BlockChannels = [32, 64, 128],
                    AttentionLevels = [2],
                    LayersPerBlock = 1,
                    BatchSize = 32,
                    Optimizer = OptimizerKind.AdamW,
                    LearningRate = 2e-4,
                    WeightDecay = 0.01,
                    GradientClipNorm = 1,
                    EmaDecay = null,
                    Precision = precision,
                };
                return (ddpm, () => ml.Transforms.Generative().Diffusion(ddpm).Fit(Pixels(ml, 3_200)));
            default:
                var dcgan = new GanOptions
                {
                    DiscriminatorNormalization = GanNormalization.Batch,
                    EmaDecay = null,
                    BatchSize = 64,
                    Precision = precision,
                };
                return (dcgan, () => ml.Transforms.Generative().Gan(dcgan).Fit(Pixels(ml, 6_400)));
        }
    }

    private static LanguageModelOptions Gpt(LanguageModelArchitecture architecture, int batch, ComputePrecision precision) => new()
    {
        Architecture = architecture,
        BatchSize = batch,
        GradientClipNorm = 1,
        Precision = precision,
    };

    private static IDataView Text(MLContext ml, string text) => ml.Data.LoadFromEnumerable([new { Text = text }]);

    private static string Characters(int kinds, int count)
    {
        var random = new Random(1);
        return new string([.. Enumerable.Range(0, count).Select(i => Character(i < kinds ? i : random.Next(kinds)))]);
    }

    // Letters of many scripts, and no surrogates.
    private static char Character(int number) => (char)(number < 0xA000 ? '!' + number : 0xE000 + number - 0xA000);

    private static IDataView Pixels(MLContext ml, int count)
    {
        const int Side = 32;
        var random = new Random(1);
        Row[] rows = [.. Enumerable.Range(0, count).Select(_ =>
        {
            byte[] pixels = new byte[Side * Side];
            random.NextBytes(pixels);
            return new Row { Image = pixels };
        })];
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Image)].ColumnType = new VectorDataViewType(NumberDataViewType.Byte, 1, Side, Side);
        return ml.Data.LoadFromEnumerable(rows, schema);
    }

    private sealed class Row
    {
        public byte[] Image { get; set; } = [];
    }
}
