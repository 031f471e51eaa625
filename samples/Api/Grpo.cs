#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Rewards: a language model samples completions of prompts, and learns to prefer those that a function scores higher.

using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;

var mlContext = new MLContext(seed: 1);
string[] animals = ["cat", "dog", "hen"], foods = ["fish", "corn", "cake"];
IDataView sentences = mlContext.Data.LoadFromEnumerable(
    animals.SelectMany(animal => foods.Select(food => new { Text = $"the {animal} eats {food}" })));
IDataView prompts = mlContext.Data.LoadFromEnumerable(animals.Select(animal => new { Prompt = $"the {animal} eats " }));
var tokenizer = GenerativeTokenizers.CharacterLevel(
    ["abcdefghijklmnopqrstuvwxyz "], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" });
using LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    Tokenizer = tokenizer,
    Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 },
    MaxSteps = 300,
    BatchSize = 8,
    LearningRate = 5e-3,
    Seed = 1,
    Threads = 1,
}).Fit(sentences);

// Eight completions of each prompt are compared with each other. The base model is the reference, which the policy stays near to.
using LanguageModelTransformer policy = mlContext.Transforms.Generative().Grpo(new GrpoOptions
{
    BaseModel = model,
    Rewards = [TextReward.FromFunction((prompt, completion) => completion == "fish" ? 1 : 0)],
    RolloutPrompts = 3,
    BatchSize = 24,
    MaxTokens = 8,
    MaxSteps = 40,
    LearningRate = 2e-3,
    KlCoefficient = 0.05,
    Seed = 1,
    Threads = 1,
}).Fit(prompts);

double Share(LanguageModelTransformer of) => Enumerable.Range(0, 90).Count(seed =>
    of.Generate($"the {animals[seed % 3]} eats ", new TextGenerationOptions { MaxTokens = 8, Seed = seed }) == "fish") / 90.0;
Console.WriteLine($"fish before: {(Share(model) < 0.6 ? "now and then" : "often")}");
Console.WriteLine($"fish after: {(Share(policy) > 0.8 ? "nearly always" : "now and then")}");

// Expected output:
// fish before: now and then
// fish after: nearly always
