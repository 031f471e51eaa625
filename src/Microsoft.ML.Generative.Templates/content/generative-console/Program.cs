using Microsoft.ML;
using Microsoft.ML.Generative;
#if (model == "diffusion")
using Microsoft.ML.Generative.Schedulers;
#endif

var mlContext = new MLContext(seed: 1);
var progress = new Progress<TrainingProgress>(p => Console.WriteLine($"step {p.Step} of {p.TotalSteps}, loss {p.Loss:F3}"));

#if (model == "language")
// Sentences of a small language; put your own texts here, one a row.
string[] nouns = ["cat", "dog", "bird", "child"], verbs = ["sees", "hears", "likes"], adjectives = ["small", "old", "happy"];
var random = new Random(1);
IDataView data = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 2_000).Select(_ => new
{
    Text = $"The {Any(adjectives)} {Any(nouns)} {Any(verbs)} the {Any(adjectives)} {Any(nouns)}.",
}));

LanguageModelTransformer model = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
{
    Architecture = LanguageModelArchitecture.GptNano with { Layers = 2, Heads = 2, EmbeddingSize = 64, ContextLength = 64 },
    MaxSteps = 400,
    Progress = progress,
}).Fit(data);

mlContext.Model.Save(model, data.Schema, "model.zip");
for (int seed = 1; seed <= 3; seed++)
    Console.WriteLine(model.Generate("The ", new TextGenerationOptions { MaxTokens = 60, Seed = seed }));

string Any(string[] words) => words[random.Next(words.Length)];
#elseif (model == "diffusion")
// Synthetic digits, 28×28; mlContext.Generative().Datasets.ImageFolder("flowers", 32, 32) reads your own images.
IDataView data = mlContext.Generative().Datasets.Digits(10_000);

DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion(new DiffusionOptions
{
    LabelColumnName = "Label",
    Prediction = PredictionType.Velocity,
    NoiseSchedule = new() { BetaSchedule = NoiseScheduleKind.Cosine },
    LearningRate = 1e-3,
    EmaDecay = 0.99,
    MaxSteps = 1_000,
    Progress = progress,
}).Fit(data);

mlContext.Model.Save(model, data.Schema, "model.zip");
model.Generate(64, new() { Labels = [.. Enumerable.Range(0, 64).Select(i => i % 8)], GuidanceScale = 2 }).SaveImageGrid("digits.png");
Console.WriteLine("Generated digits: digits.png");
#else
// Synthetic digits, 28×28; mlContext.Generative().Datasets.ImageFolder("flowers", 32, 32) reads your own images.
IDataView data = mlContext.Generative().Datasets.Digits(10_000);

VaeTransformer model = mlContext.Transforms.Generative().Vae(new VaeOptions
{
    InputColumnName = "Image",
    LatentSize = 20,
    Epochs = 5,
    Progress = progress,
}).Fit(data);

mlContext.Model.Save(model, data.Schema, "model.zip");
model.Generate(64).SaveImageGrid("digits.png");
Console.WriteLine("Generated digits: digits.png");
#endif
