#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A variational autoencoder (VAE): trains on images, scores others, is saved and loaded, and generates new images.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;

var mlContext = new MLContext(seed: 1);
IDataView train = mlContext.Generative().Datasets.Digits(2_000, seed: 1);
IDataView test = mlContext.Generative().Datasets.Digits(500, seed: 2);

VaeEstimator estimator = mlContext.Transforms.Generative().Vae(new VaeOptions
{
    InputColumnName = "Image",
    LatentSize = 8,
    HiddenSizes = [128],
    Epochs = 10,
    BatchSize = 50,
    LearningRate = 2e-3,
    Seed = 1,
    Threads = 1,
});
using VaeTransformer trained = estimator.Fit(train);

IDataView scored = trained.Transform(test);
VaeMetrics metrics = mlContext.Generative().EvaluateVae(scored);
Console.WriteLine($"Columns: {string.Join(", ", scored.Schema.Select(column => column.Name))}");
Console.WriteLine($"-ELBO {metrics.NegativeElbo:F1} nats = reconstruction {metrics.ReconstructionError:F1} + KL {metrics.KlDivergence:F1}");

// An ordinary ML.NET model file.
string path = Path.Combine(Path.GetTempPath(), $"vae-{Environment.ProcessId}.zip");
mlContext.Model.Save(trained, train.Schema, path);
using var model = (VaeTransformer)mlContext.Model.Load(path, out _);
File.Delete(path);

// The same seed generates the same images.
IDataView generated = model.Generate(count: 3, new VaeGenerateOptions { Seed = 7, Temperature = 0.8 });
foreach (float[] image in generated.GetColumn<float[]>("Generated"))
    Console.WriteLine($"An image of {image.Length} values, mean {image.Average():F2}");

// Expected output (numbers depend on the processor):
// Columns: Image, Label, Latent, Reconstruction, ReconstructionError, NegativeElbo
// -ELBO 176.7 nats = reconstruction 163.8 + KL 12.9
// An image of 784 values, mean 0.13
// An image of 784 values, mean 0.19
// An image of 784 values, mean 0.12
