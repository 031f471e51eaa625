#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Low-rank adapters: a language model learns two styles beside each other, in small files, and keeps its own.

using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;

var mlContext = new MLContext(seed: 1);
LanguageModelOptions Options(int steps) => new() { MaxSteps = steps, BatchSize = 8, Seed = 1, Threads = 1 };
IDataView Texts(string text) => mlContext.Data.LoadFromEnumerable([new { Text = string.Concat(Enumerable.Repeat(text, 20)) }]);

LanguageModelOptions baseOptions = Options(300);
baseOptions.Tokenizer = GenerativeTokenizers.CharacterLevel(["abcdefghijklmnopqrstuvwxyz ."]);
baseOptions.Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 };
baseOptions.LearningRate = 5e-3;
using LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(baseOptions).Fit(Texts("the cat sat on the mat. "));

LanguageModelTransformer Learn(string name, string text)
{
    LanguageModelOptions options = Options(200);
    options.BaseModel = model;
    options.Adapter = new LoraOptions { Name = name, Rank = 4 };
    return mlContext.Transforms.Generative().LanguageModel(options).Fit(Texts(text));
}

using LanguageModelTransformer dog = Learn("dog", "the dog ran to the park. "), fish = Learn("fish", "the fish swam in the lake. ");
var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 30, StopStrings = ["."] };
Console.WriteLine($"base: the{model.Generate("the", greedy)}");

// One model with both adapters: which of them it uses is a choice that costs nothing, as its weights are shared.
using LanguageModelTransformer both = dog.AddAdapter("fish", fish);
foreach (string? name in (string?[])["dog", "fish", null])
{
    using LanguageModelTransformer chosen = both.WithAdapter(name);
    Console.WriteLine($"{name ?? "none"}: the{chosen.Generate("the", greedy)}");
}

// A folder that PEFT reads, too; and a model whose weights have the change in them.
string folder = Path.Combine(Path.GetTempPath(), $"adapter-{Guid.NewGuid():N}");
dog.SaveAdapter(folder);
Console.WriteLine($"{new FileInfo(Path.Combine(folder, "adapter_model.safetensors")).Length / 1024} kB of {model.Architecture.CountParameters() * 4 / 1024} kB");
using LanguageModelTransformer loaded = model.LoadAdapter(folder, "again"), merged = loaded.Merge();
Console.WriteLine($"merged: the{merged.Generate("the", greedy)}");
Directory.Delete(folder, recursive: true);

// Expected output (numbers depend on the processor):
// base: the cat sat on the mat
// dog: the dog ran to the park
// fish: the fish swam in the lake
// none: the cat sat on the mat
// 29 kB of 130 kB
// merged: the dog ran to the park
