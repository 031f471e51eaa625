#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A reward for images: chooses among generated images, and trains a diffusion model towards it (DDPO).

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
IDataView digits = mlContext.Generative().Datasets.Digits(500, seed: 1);
using DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion(new DiffusionOptions
{
    InputColumnName = "Image",
    BlockChannels = [8, 8, 8],
    MaxSteps = 60,
    BatchSize = 16,
    Threads = 1,
}).Fit(digits);

// A function, a fitted model (ImageReward.FromModel), or the size of a file.
ImageReward ink = ImageReward.FromFunction(image => image.Values.ToArray().Average());

// Without training: the best of each four.
IDataView best = model.Generate(16, new() { Seed = 1, Steps = 10 }).SelectBest(candidates: 4, ink);
Console.WriteLine($"Best of four: {best.GetColumn<float>("Reward").Count()} images");

using DiffusionTransformer bold = mlContext.Transforms.Generative().DiffusionReward(new DiffusionRewardOptions
{
    BaseModel = model,
    Reward = ink,
    Epochs = 5,
    ImagesPerEpoch = 16,
    Steps = 10,
    LearningRate = 3e-4,
    GradientAccumulationSteps = 1,
    Threads = 1,
}).Fit(digits);
double before = ink.Score(model.Generate(16, new() { Seed = 2, Sampler = DiffusionSampler.Ddpm, Steps = 10 })).Average();
double after = ink.Score(bold.Generate(16, new() { Seed = 2 })).Average();
Console.WriteLine($"More ink: {after > before}");

// Expected output (numbers depend on the processor):
// Best of four: 4 images
// More ink: True
