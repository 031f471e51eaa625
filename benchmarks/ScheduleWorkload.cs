using System.Diagnostics;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>A single text by the scheduler of concurrent ones, and by a loop of its own, in turns.</summary>
internal static class ScheduleWorkload
{
    private const int PromptLength = 32;
    private const int Length = 150;

    public static object Run(BenchmarkSettings settings) => new
    {
        workload = "schedule",
        results = ((LanguageModelArchitecture[])
        [
            LanguageModelArchitecture.LlamaNano with { VocabularySize = 32_000 },
            LanguageModelArchitecture.LlamaNano with
            {
                VocabularySize = 512,
                ContextLength = 512,
                Layers = 5,
                Heads = 8,
                KeyValueHeads = 4,
                EmbeddingSize = 64,
                FeedForwardSize = 172,
            },
        ]).Select(architecture => Measure(settings, architecture)).ToArray(),
    };

    private static object Measure(BenchmarkSettings settings, LanguageModelArchitecture architecture)
    {
        using LanguageModelTransformer model = RandomLanguageModel.Create(architecture);
        if (settings.Threads is { } threads)
            torch.set_num_threads(threads);
        var options = new TextGenerationOptions { MaxTokens = Length, Seed = 1 };
        string prompt = RandomLanguageModel.Prompt(PromptLength, 1, architecture.VocabularySize);
        int[] tokens = model.Codec.EncodePrompt(prompt);
        var alone = new TextGenerator(
            model.Codec, architecture.ContextLength,
            streams => LanguageModelSessions.Open(model.Network, streams, architecture.ContextLength, torch.CPU));
        string text = "";
        (string Name, Func<string> Generate)[] ways =
        [
            ("alone", () => string.Concat(alone.Stream(new GenerationRequest(tokens, 1), options))),
            ("scheduled", () => model.Generate(prompt, options)),
            ("awaited", () => model.GenerateAsync(prompt, options).GetAwaiter().GetResult()),
        ];
        Dictionary<string, List<double>> seconds = ways.ToDictionary(way => way.Name, _ => new List<double>());
        var watch = Stopwatch.StartNew();
        for (int round = -1; round < 5 || watch.Elapsed.TotalSeconds < settings.Seconds; round++)
        {
            foreach ((string name, Func<string> generate) in ways)
            {
                long begin = Stopwatch.GetTimestamp();
                string own = generate();
                if (round >= 0)
                    seconds[name].Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
                if (text.Length > 0 && own != text)
                    throw new InvalidOperationException($"The text is another one: {name}.");
                text = own;
            }
        }

        double Rate(string name) => Length / seconds[name].Order().ElementAt(seconds[name].Count / 2);
        return new
        {
            parameters = architecture.CountParameters(),
            threads = torch.get_num_threads(),
            rounds = seconds["alone"].Count,
            alone_tokens_per_s = Math.Round(Rate("alone"), 1),
            scheduled_tokens_per_s = Math.Round(Rate("scheduled"), 1),
            awaited_tokens_per_s = Math.Round(Rate("awaited"), 1),
            scheduled_ratio = Math.Round(Rate("scheduled") / Rate("alone"), 3),
            awaited_ratio = Math.Round(Rate("awaited") / Rate("alone"), 3),
        };
    }
}
