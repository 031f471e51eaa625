#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A diffusion model, conditioned on the class: learns to remove noise from images, and generates images from noise.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;

var mlContext = new MLContext(seed: 1);
IDataView train = mlContext.Generative().Datasets.Digits(500, seed: 1);

DiffusionEstimator estimator = mlContext.Transforms.Generative().Diffusion(new DiffusionOptions
{
    InputColumnName = "Image",
    LabelColumnName = "Label",
    BlockChannels = [8, 16],
    LayersPerBlock = 1,
    AttentionLevels = [],
    NoiseSchedule = new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine },
    Prediction = PredictionType.Velocity,
    MaxSteps = 60,
    BatchSize = 16,
    Seed = 1,
    Threads = 1,
});
using DiffusionTransformer model = estimator.Fit(train);
Console.WriteLine($"Trained on {model.TrainTimesteps} timesteps and {model.LabelCount} classes.");

// Classifier-free guidance: a scale above 1 keeps closer to the class.
IDataView generated = model.Generate(count: 2, new DiffusionGenerateOptions
{
    Seed = 7,
    Label = 3,
    GuidanceScale = 2,
    Sampler = DiffusionSampler.DpmSolver,
    Steps = 8,
});
foreach (float[] image in generated.GetColumn<float[]>("Generated"))
    Console.WriteLine($"An image of {image.Length} values, mean {image.Average():F2}");

float[] digit = [.. train.GetColumn<byte[]>("Image").First().Select(pixel => pixel / 255f)];
IDataView edited = model.ImageToImage(digit, strength: 0.5, count: 1, new DiffusionGenerateOptions { Seed = 7, Label = 8, Steps = 8 });
Console.WriteLine($"{edited.GetColumn<float[]>("Generated").Count()} image edited towards the digit 8");

// Expected output (numbers depend on the processor):
// Trained on 1000 timesteps and 10 classes.
// An image of 784 values, mean 0.34
// An image of 784 values, mean 0.34
// 1 image edited towards the digit 8
