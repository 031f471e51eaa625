using System.Diagnostics;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Updates per second of alignment on nanoGPT's small model (4 layers, 4 heads, 128 wide, context 64), completions of 32 tokens, 64 of them
/// in a roll-out; tokens per second of sampling one, and its share of the time from one roll-out to the next.
/// </summary>
internal static class AlignmentWorkload
{
    private const int PromptLength = 16;
    private const int MaxTokens = 32;
    private const int RolloutSize = 64;

    public static object RunPpo(BenchmarkSettings settings) => RunRollouts("ppo", settings, new PpoOptions
    {
        RolloutPrompts = RolloutSize,
        BatchSize = 16,
        RolloutEpochs = 4,
    });

    public static object RunGrpo(BenchmarkSettings settings) => RunRollouts("grpo", settings, new GrpoOptions
    {
        RolloutPrompts = RolloutSize / 8,
        GroupSize = 8,
        BatchSize = RolloutSize,
        KlCoefficient = 0.05,
    });

    public static object RunDpo(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        Document[] texts = Texts();
        IDataView pairs = ml.Data.LoadFromEnumerable(texts.Select((text, i) => new Pair
        {
            Prompt = text.Content[..PromptLength],
            Chosen = text.Content.Substring(PromptLength, MaxTokens),
            Rejected = texts[(i + 1) % texts.Length].Content.Substring(PromptLength, MaxTokens),
        }));
        using var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        var options = new DpoOptions { BaseModel = Model(ml, texts), BatchSize = 16, MaxSteps = long.MaxValue / 1000 };
        Train(options, settings, clock, stopping);
        Fit(() => ml.Transforms.Generative().Dpo(options).Fit(pairs));
        return new
        {
            workload = "dpo",
            updates_per_s = Math.Round(clock.StepsPerSecond, 2),
            pairs_per_s = Math.Round(clock.StepsPerSecond * 16, 1),
            threads = settings.Threads ?? torch.get_num_threads(),
        };
    }

    private static object RunRollouts(string name, BenchmarkSettings settings, RolloutOptions options)
    {
        var ml = new MLContext(seed: 1);
        Document[] texts = Texts();
        IDataView prompts = ml.Data.LoadFromEnumerable(texts.Select(text => new Pair { Prompt = text.Content[..PromptLength] }));
        using var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        options.BaseModel = Model(ml, texts);
        options.Rewards = [TextReward.FromFunction((_, completion) => completion.Count(c => c == '!'))];
        (options.MaxTokens, options.MaxSteps) = (MaxTokens, long.MaxValue / 1000);
        Train(options, settings, clock, stopping);
        Fit(() => options is PpoOptions ppo
            ? ml.Transforms.Generative().Ppo(ppo).Fit(prompts)
            : ml.Transforms.Generative().Grpo((GrpoOptions)options).Fit(prompts));

        (long tokens, double sampling) = Sample(options.BaseModel, texts, settings);
        double cycle = RolloutSize / options.BatchSize * options.RolloutEpochs / clock.StepsPerSecond;
        return new
        {
            workload = name,
            updates_per_s = Math.Round(clock.StepsPerSecond, 2),
            rollout_tokens_per_s = Math.Round(tokens / sampling),
            share_of_sampling = Math.Round(sampling / cycle, 3),
            threads = settings.Threads ?? torch.get_num_threads(),
        };
    }

    // The tokens of a roll-out, and the seconds that sampling them takes.
    private static (long Tokens, double Seconds) Sample(LanguageModelTransformer model, Document[] texts, BenchmarkSettings settings)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        var generator = new TextGenerator(model.Codec, 64, streams => LanguageModelSessions.Open(model.Network, streams, 64, model.Device));
        var options = new TextGenerationOptions { MaxTokens = MaxTokens, ContextOverflow = ContextOverflow.Error };
        (long tokens, double best) = (0, double.PositiveInfinity);
        for (int round = 0; round < 5; round++)
        {
            GenerationRequest[] requests = [.. texts.Take(RolloutSize)
                .Select((text, i) => new GenerationRequest(model.Codec.EncodePrompt(text.Content[..PromptLength]), i))];
            var watch = Stopwatch.StartNew();
            tokens = generator.GenerateAll(requests, options, RolloutSize, () => { }).Sum(text => (long)text.Tokens);
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
        }

        return (tokens, best);
    }

    private static void Train(
        AlignmentOptions options, BenchmarkSettings settings, IProgress<TrainingProgress> progress, CancellationTokenSource stopping)
    {
        (options.Threads, options.Progress, options.CancellationToken) = (settings.Threads, progress, stopping.Token);
        options.Seed = 1;
    }

    private static void Fit(Func<LanguageModelTransformer> fit)
    {
        try
        {
            fit().Dispose();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }
    }

    private static LanguageModelTransformer Model(MLContext ml, Document[] texts) => ml.Transforms.Generative().LanguageModel(new()
    {
        InputColumnName = nameof(Document.Content),
        Architecture = LanguageModelArchitecture.GptNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = 64 },
        BatchSize = 12,
        Tokenizer = GenerativeTokenizers.CharacterLevel(texts.Select(t => t.Content)),
        MaxSteps = 1,
        Precision = ComputePrecision.Float32,
    }).Fit(ml.Data.LoadFromEnumerable(texts));

    private static Document[] Texts()
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, 512).Select(_ => new Document
        {
            Content = new([.. Enumerable.Range(0, PromptLength + MaxTokens).Select(_ => (char)('!' + random.Next(65)))]),
        })];
    }

    private sealed class Document
    {
        public string Content { get; set; } = "";
    }

    private sealed class Pair
    {
        public string Prompt { get; set; } = "";

        public string Chosen { get; set; } = "";

        public string Rejected { get; set; } = "";
    }
}
