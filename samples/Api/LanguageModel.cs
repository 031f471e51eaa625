#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A language model: a transformer learns texts, writes on from prompts, and predicts next tokens.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;

var mlContext = new MLContext(seed: 1);
string[] sentences = ["the cat sat on the mat.", "the dog ran to the park.", "a bird sang in the tree.", "a fish swam in the lake."];
var random = new Random(1);
IDataView train = mlContext.Data.LoadFromEnumerable(random.GetItems(sentences, 200).Select(sentence => new { Text = sentence }));

LanguageModelEstimator estimator = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    InputColumnName = "Text",
    Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 32, ContextLength = 32 },
    MaxSteps = 400,
    BatchSize = 8,
    LearningRate = 5e-3,
    LearningRateSchedule = LearningRateSchedule.Cosine,
    Seed = 1,
    Threads = 1,
});
using LanguageModelTransformer model = estimator.Fit(train);

LanguageModelMetrics metrics = mlContext.Generative().EvaluateLanguageModel(model, train);
Console.WriteLine($"Perplexity on the training texts: {metrics.Perplexity:F2}");

// Temperature 0 takes the most probable token at each step.
var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 30, StopStrings = ["."] };
Console.WriteLine($"the cat{model.Generate("the cat", greedy)}");
foreach (string piece in model.Stream("a bird", greedy))
    Console.Write($"[{piece}]");
Console.WriteLine();

IDataView completed = model.Transform(mlContext.Data.LoadFromEnumerable([new { Text = "a fish" }, new { Text = "the dog" }]));
foreach (string completion in completed.GetColumn<string>("Completion"))
    Console.WriteLine($"Completion:{completion}");

TokenProbability next = model.NextTokens("the c", count: 1)[0];
Console.WriteLine($"After 'the c': '{next.Text}' with probability {next.Probability:F2}");

// Expected output (numbers depend on the processor):
// Perplexity on the training texts: 1.07
// the cat sat on the mat
// [ ][s][a][n][g][ ][i][n][ ][t][h][e][ ][t][r][e][e]
// Completion: swam in the lake.
// Completion: ran to the park.
// After 'the c': 'a' with probability 1.00
