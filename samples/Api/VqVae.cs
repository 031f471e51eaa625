#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// A vector-quantized autoencoder (VQ-VAE): turns images into codes and back, and generates images from codes that its prior samples.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
IDataView train = mlContext.Generative().Datasets.Digits(500, seed: 1);
IDataView test = mlContext.Generative().Datasets.Digits(100, seed: 2);

VqVaeEstimator estimator = mlContext.Transforms.Generative().VqVae(new VqVaeOptions
{
    InputColumnName = "Image",
    CodebookSize = 32,
    CodeSize = 8,
    HiddenChannels = 16,
    ResidualChannels = 8,
    Epochs = 4,
    PriorEpochs = 2,
    PriorLayers = 1,
    PriorEmbeddingSize = 32,
    BatchSize = 25,
    Seed = 1,
    Threads = 1,
});
using VqVaeTransformer model = estimator.Fit(train);

IDataView encoded = model.Transform(test);
int[] codes = encoded.GetColumn<int[]>("Codes").First();
Console.WriteLine($"An image of {model.RowSize} pixels becomes {model.CodesHeight}×{model.CodesWidth} codes of {model.CodebookSize}.");
Console.WriteLine($"Reconstruction error: {encoded.GetColumn<float>("ReconstructionError").Average():F3}");
Console.WriteLine($"-log p(codes): {encoded.GetColumn<float>("NegativeLogPrior").Average():F1} nats");

float[] decoded = model.Decode(codes);
Console.WriteLine($"The codes decode to {decoded.Length} values, mean {decoded.Average():F2}.");

IDataView generated = model.Generate(count: 2, new VqVaeGenerateOptions { Seed = 7, Temperature = 0.9 });
foreach (float[] image in generated.GetColumn<float[]>("Generated"))
    Console.WriteLine($"A generated image of {image.Length} values, mean {image.Average():F2}");

// Expected output (numbers depend on the processor):
// An image of 784 pixels becomes 7×7 codes of 32.
// Reconstruction error: 0.057
// -log p(codes): 74.9 nats
// The codes decode to 784 values, mean 0.17.
// A generated image of 784 values, mean 0.14
// A generated image of 784 values, mean 0.07
