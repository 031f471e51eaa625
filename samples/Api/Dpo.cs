#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Preferences: a language model learns from pairs of completions of which one is better, and so does a model that scores texts.

using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;

var mlContext = new MLContext(seed: 1);
string[] animals = ["cat", "dog", "hen"], foods = ["fish", "corn", "cake"];
IDataView sentences = mlContext.Data.LoadFromEnumerable(
    animals.SelectMany(animal => foods.Select(food => new { Text = $"the {animal} eats {food}" })));
IDataView pairs = mlContext.Data.LoadFromEnumerable(animals.SelectMany(animal =>
    foods.Skip(1).Select(food => new { Prompt = $"the {animal} eats ", Chosen = "fish", Rejected = food })));

var options = new LanguageModelOptions { MaxSteps = 300, BatchSize = 9, LearningRate = 2e-3, Seed = 1, Threads = 1 };
options.Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 };
options.Tokenizer = GenerativeTokenizers.CharacterLevel(
    ["abcdefghijklmnopqrstuvwxyz "], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" });
using LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(options).Fit(sentences);

// The base model is the reference; with Adapter = new LoraOptions() the two would share all weights. The margin that Ipo seeks is
// bounded: a model as small and as certain as this one would unlearn its words for a larger one.
using LanguageModelTransformer aligned = mlContext.Transforms.Generative().Dpo(new DpoOptions
{
    BaseModel = model,
    Loss = DpoLoss.Ipo,
    Beta = 1,
    BatchSize = 6,
    MaxSteps = 60,
    LearningRate = 1e-4,
    Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
    Seed = 1,
    Threads = 1,
}).Fit(pairs);

foreach (string animal in animals)
    Console.WriteLine($"the {animal} eats {aligned.Generate($"the {animal} eats ")}");

// The same pairs as scores, which a training by Grpo or Ppo could follow.
using RewardModelTransformer rewardModel = mlContext.Transforms.Generative().RewardModel(new RewardModelOptions
{
    BaseModel = model,
    PromptColumnName = "Prompt",
    BatchSize = 6,
    MaxSteps = 60,
    LearningRate = 3e-3,
    Seed = 1,
    Threads = 1,
}).Fit(pairs);
RewardModelMetrics metrics = mlContext.Generative().EvaluateRewardModel(rewardModel, pairs);
Console.WriteLine($"accuracy of the reward model: {metrics.Accuracy:P0}");

// Expected output:
// the cat eats fish
// the dog eats fish
// the hen eats fish
// accuracy of the reward model: 100 %
