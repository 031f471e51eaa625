#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Supervised fine-tuning: a language model that has learned texts is trained on prompts and completions.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;

var mlContext = new MLContext(seed: 1);
IDataView texts = mlContext.Data.LoadFromEnumerable([new { Text = "one two three four five six seven eight nine ten " }]);
IDataView examples = mlContext.Data.LoadFromEnumerable(
[
    new { Prompt = "after two: ", Completion = "three" },
    new { Prompt = "after six: ", Completion = "seven" },
    new { Prompt = "before two: ", Completion = "one" },
    new { Prompt = "before six: ", Completion = "five" },
]);

// The tokenizer knows the characters of both, and a token that ends a completion.
GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(
    ["abcdefghijklmnopqrstuvwxyz :"], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" });
using LanguageModelTransformer baseModel = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    Tokenizer = tokenizer,
    Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 },
    MaxSteps = 200,
    BatchSize = 8,
    LearningRate = 5e-3,
    Seed = 1,
    Threads = 1,
}).Fit(texts);

// Training starts from a copy of the base model's network and tokenizer; only the completion counts in the loss.
using LanguageModelTransformer tuned = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    BaseModel = baseModel,
    PromptColumnName = "Prompt",
    InputColumnName = "Completion",
    OutputColumnName = "Answer",
    Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 10 },
    MaxSteps = 100,
    BatchSize = 4,
    LearningRate = 3e-3,
    Seed = 1,
    Threads = 1,
}).Fit(examples);

Console.WriteLine($"Base model: three{baseModel.Generate("three", new TextGenerationOptions { Temperature = 0, MaxTokens = 10 })}");
IDataView answered = tuned.Transform(examples);
foreach ((string prompt, string answer) in answered.GetColumn<string>("Prompt").Zip(answered.GetColumn<string>("Answer")))
    Console.WriteLine($"Fine-tuned: {prompt}{answer}");

// Expected output:
// Base model: three four five
// Fine-tuned: after two: three
// Fine-tuned: after six: seven
// Fine-tuned: before two: one
// Fine-tuned: before six: five
