#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A generative adversarial network (GAN), conditioned on the class: a generator and a discriminator train against each other.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
IDataView train = mlContext.Generative().Datasets.Digits(1_000, seed: 1);

GanEstimator estimator = mlContext.Transforms.Generative().Gan(new GanOptions
{
    InputColumnName = "Image",
    LabelColumnName = "Label",
    Network = GanNetworkKind.Mlp,
    HiddenSizes = [128],
    LatentSize = 32,
    MaxSteps = 600,
    BatchSize = 50,
    Seed = 1,
    Threads = 1,
});
using GanTransformer model = estimator.Fit(train);
Console.WriteLine($"Trained for {model.LabelCount} classes, with {model.LatentSize} latent dimensions.");

// Two images of the digit 3, then one of each of three digits.
IDataView threes = model.Generate(count: 2, new GanGenerateOptions { Seed = 7, Label = 3 });
IDataView others = model.Generate(count: 3, new GanGenerateOptions { Seed = 7, Labels = [0, 1, 2], Truncation = 1.5 });
foreach (float[] image in threes.GetColumn<float[]>("Generated").Concat(others.GetColumn<float[]>("Generated")))
    Console.WriteLine($"An image of {image.Length} values, mean {image.Average():F2}");

// A walk through the latent space between two images of a class.
float[] from = model.SampleLatent(seed: 1), to = model.SampleLatent(seed: 2);
IDataView between = model.Interpolate(from, to, count: 5, new() { Label = 3 });
Console.WriteLine($"{between.GetColumn<float[]>("Generated").Count()} images between two latent vectors");

// Expected output (numbers depend on the processor):
// Trained for 10 classes, with 32 latent dimensions.
// An image of 784 values, mean 0.35
// An image of 784 values, mean 0.36
// An image of 784 values, mean 0.43
// An image of 784 values, mean 0.38
// An image of 784 values, mean 0.39
// 5 images between two latent vectors
