#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// ML.NET's trainers after a generative model: a classifier learns from the latent values of a VAE, and both are one model file.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
IDataView train = mlContext.Generative().Datasets.Digits(2_000, seed: 1);
IDataView test = mlContext.Generative().Datasets.Digits(300, seed: 2);

var pipeline = mlContext.Transforms.Generative().Vae(new VaeOptions
    {
        InputColumnName = "Image",
        LatentColumnName = "Features",
        LatentSize = 16,
        HiddenSizes = [128],
        Epochs = 10,
        BatchSize = 50,
        LearningRate = 2e-3,
        Seed = 1,
        Threads = 1,
    })
    // The trainer reads its data many times: without a cache, each time would encode all images again.
    .AppendCacheCheckpoint(mlContext)
    .Append(mlContext.MulticlassClassification.Trainers.SdcaMaximumEntropy(labelColumnName: "Label", featureColumnName: "Features"))
    .Append(mlContext.Transforms.Conversion.MapKeyToValue("Digit", "PredictedLabel"));
var trained = pipeline.Fit(train);

MulticlassClassificationMetrics metrics = mlContext.MulticlassClassification.Evaluate(trained.Transform(test));
Console.WriteLine($"Accuracy {metrics.MicroAccuracy:P0}");

string path = Path.Combine(Path.GetTempPath(), $"pipeline-{Environment.ProcessId}.zip");
mlContext.Model.Save(trained, train.Schema, path);
ITransformer model = mlContext.Model.Load(path, out DataViewSchema inputSchema);
File.Delete(path);
Console.WriteLine($"Input columns of the loaded model: {string.Join(", ", inputSchema.Select(column => column.Name))}");
Console.WriteLine($"Predictions of the loaded model: {model.Transform(test).GetColumn<string>("Digit").Count()}");

// Expected output (numbers depend on the processor):
// Accuracy 84 %
// Input columns of the loaded model: Image, Label
// Predictions of the loaded model: 300
