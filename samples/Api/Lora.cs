#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Low-rank adapters: a language model learns other orders beside its own, in small files, and keeps its weights.

using Microsoft.ML;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
LanguageModelOptions Options(int steps) => new() { MaxSteps = steps, BatchSize = 8, Seed = 1, Threads = 1 };
IDataView Texts(string text) => mlContext.Data.LoadFromEnumerable([new { Text = string.Concat(Enumerable.Repeat(text, 20)) }]);

LanguageModelOptions baseOptions = Options(300);
baseOptions.Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 };
baseOptions.LearningRate = 5e-3;
using LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(baseOptions)
    .Fit(Texts("one two three four five six seven eight nine ten "));

LanguageModelTransformer Learn(string name, string text)
{
    LanguageModelOptions options = Options(200);
    options.BaseModel = model;
    options.Adapter = new LoraOptions { Name = name, Rank = 4 };
    return mlContext.Transforms.Generative().LanguageModel(options).Fit(Texts(text));
}

using LanguageModelTransformer down = Learn("down", "ten nine eight seven six five four three two one ");
using LanguageModelTransformer even = Learn("even", "two four six eight ten ");

// One model with both adapters. Which of them it uses is a choice that copies no weights.
using LanguageModelTransformer both = down.AddAdapter("even", even);
var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 10 };
foreach (string? name in (string?[])[null, "down", "even"])
{
    using LanguageModelTransformer chosen = both.WithAdapter(name);
    Console.WriteLine($"{name ?? "base"}: four{chosen.Generate("four", greedy).TrimEnd()}");
}

// A folder that PEFT reads, too; and a model whose weights have the change in them.
string folder = Path.Combine(Path.GetTempPath(), $"adapter-{Guid.NewGuid():N}");
even.SaveAdapter(folder);
long size = new FileInfo(Path.Combine(folder, "adapter_model.safetensors")).Length;
Console.WriteLine($"{size / 1024} kB beside {model.Architecture.CountParameters() * 4 / 1024} kB of the base");
using LanguageModelTransformer loaded = model.LoadAdapter(folder, "again"), merged = loaded.Merge();
Console.WriteLine($"merged: four{merged.Generate("four", greedy).TrimEnd()}");
Directory.Delete(folder, recursive: true);

// Expected output:
// base: four five six
// down: four three two
// even: four six eight
// 23 kB beside 106 kB of the base
// merged: four six eight
