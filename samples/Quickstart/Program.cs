// Trains a variational autoencoder on images of digits, saves it, loads it back, and draws with it.

using System.CommandLine;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

Option<string> dataOption = new("--data") { Description = "digits, mnist or fashion-mnist.", DefaultValueFactory = _ => "digits" };
dataOption.AcceptOnlyFromAmong("digits", "mnist", "fashion-mnist");
Option<string?> outputOption = SampleOutput.NewOption();

RootCommand command = new("Trains a VAE on images and draws new ones.") { dataOption, outputOption };
command.SetAction((parsed, cancellation) => Task.Run(() =>
{
    try
    {
        Run(parsed.GetValue(dataOption)!, new SampleOutput(parsed.GetValue(outputOption)), cancellation);
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or OperationCanceledException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}));
return await command.Parse(args).InvokeAsync();

static void Run(string dataName, SampleOutput output, CancellationToken cancellation)
{
    const int height = 28, width = 28;
    var ml = new MLContext(seed: 1);
    (IDataView train, IDataView test) = Load(ml, dataName);

    // 1. Train. The column "Image" holds 28×28 bytes; the label is not used for training.
    VaeTransformer trained;
    using (var progress = new ConsoleProgress($"VAE on {dataName}"))
    {
        trained = ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 16,
            Epochs = 15,
            ValidationData = test,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(train);
        Charts.LossCurve(output.File("loss.png", "loss curve"), $"−ELBO of a VAE on {dataName}, nats", progress.History);
    }

    // 2. Save as an ordinary ML.NET model, and load it back.
    string modelPath = output.File("vae.zip", "the model");
    ml.Model.Save(trained, train.Schema, modelPath);
    trained.Dispose();
    using var model = (VaeTransformer)ml.Model.Load(modelPath, out _);

    VaeMetrics metrics = ml.Generative().EvaluateVae(model.Transform(test));
    Console.WriteLine($"Test data: -ELBO {metrics.NegativeElbo:F1} nats = reconstruction {metrics.ReconstructionError:F1} + KL {metrics.KlDivergence:F1}");

    // 3. Draw new images, and compare some test images (upper rows) with their reconstructions (lower rows).
    float[][] samples = ImageGrid.FromColumn(model.Generate(100, new() { Seed = 7 }), "Generated", 1, height, width, 100);
    ImageGrid.Save(output.File("samples.png", "new images"), samples, 1, height, width, scale: 3);

    float[][] originals = [.. test.GetColumn<byte[]>("Image").Take(20).Select(image => Array.ConvertAll(image, pixel => pixel / 255f))];
    float[][] reconstructions = ImageGrid.FromColumn(model.Transform(test), "Reconstruction", 1, height, width, 20);
    ImageGrid.Save(
        output.File("reconstructions.png", "images and their reconstructions"),
        [.. originals[..10], .. reconstructions[..10], .. originals[10..], .. reconstructions[10..]], 1, height, width, scale: 3);

    // 4. With two latent dimensions the whole latent space fits on a page.
    using (var progress = new ConsoleProgress("VAE with 2 latent dimensions"))
    {
        using VaeTransformer map = ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 2,
            Epochs = 15,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(train);
        DrawLatentSpace(map, test, dataName, output.File("latent-space.png", "latent space by class"));
        float[][] grid = ImageGrid.FromColumn(map.LatentGrid(20, 20), "Generated", 1, height, width, 400);
        ImageGrid.Save(output.File("latent-grid.png", "images across the latent space"), grid, 1, height, width, columns: 20, padding: 0, scale: 1);
    }

    output.PrintFiles();
}

static (IDataView Train, IDataView Test) Load(MLContext ml, string name)
{
    if (name == "digits")
        return (ml.Generative().Datasets.Digits(20_000, seed: 1), ml.Generative().Datasets.Digits(2_000, seed: 2));

    DataOperationsCatalog.TrainTestData data = name == "mnist" ? ml.Generative().Datasets.Mnist() : ml.Generative().Datasets.FashionMnist();
    return (data.TrainSet, data.TestSet);
}

static void DrawLatentSpace(VaeTransformer map, IDataView test, string dataName, string path)
{
    VBuffer<ReadOnlyMemory<char>> names = default;
    test.Schema["Label"].GetKeyValues(ref names);

    IDataView encoded = map.Transform(test);
    var points = encoded.GetColumn<float[]>("Latent").Zip(encoded.GetColumn<uint>("Label"), (z, label) => (z[0], z[1], (int)label - 1)).Take(5_000);
    Charts.Scatter(path, $"Latent means of {dataName}", "latent dimension 0", "latent dimension 1", [.. points], [.. names.DenseValues().Select(n => n.ToString())]);
}
