#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// Checkpoints: a training that is canceled resumes from its newest checkpoint and ends with the same weights as one that is not.

using Microsoft.ML;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
IDataView train = mlContext.Generative().Datasets.Digits(1_000, seed: 1);
DirectoryInfo folder = Directory.CreateTempSubdirectory("checkpoints-");
using var cancellation = new CancellationTokenSource();

VaeOptions Options() => new()
{
    LatentSize = 8,
    HiddenSizes = [64],
    Epochs = 5,
    BatchSize = 50,
    Seed = 1,
    Threads = 1,
};

VaeOptions options = Options();
options.Checkpoints = new CheckpointOptions(folder.FullName) { Steps = 20, Keep = 2 };
options.CancellationToken = cancellation.Token;
options.Progress = new CancelAfter(step: 50, cancellation);
try
{
    mlContext.Transforms.Generative().Vae(options).Fit(train);
}
catch (OperationCanceledException)
{
    Console.WriteLine("Canceled in the middle; Fit saved a checkpoint.");
}

options.CancellationToken = default;
options.Progress = null;
using VaeTransformer resumed = mlContext.Transforms.Generative().Vae(options).Fit(train);
using VaeTransformer uninterrupted = mlContext.Transforms.Generative().Vae(Options()).Fit(train);
float[] latent = new float[resumed.LatentSize];
Console.WriteLine($"The resumed model equals the uninterrupted one: {resumed.Decode(latent).SequenceEqual(uninterrupted.Decode(latent))}");
folder.Delete(recursive: true);

internal sealed class CancelAfter(long step, CancellationTokenSource cancellation) : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value)
    {
        if (value.Step >= step)
            cancellation.Cancel();
    }
}

// Expected output:
// Canceled in the middle; Fit saved a checkpoint.
// The resumed model equals the uninterrupted one: True
