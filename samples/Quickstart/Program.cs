// Trains a variational autoencoder on images of digits, saves it, loads it and generates new digits.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

return await SampleProgram.RunAsync(
    args, "Trains a VAE on images and generates new ones.", ["digits", "mnist", "fashion-mnist"], "The images.", arguments =>
    {
        const int size = 28;
        SampleOutput output = arguments.Output;
        var mlContext = new MLContext(seed: 1);
        ImageData data = ImageData.Load(mlContext, arguments.Data, arguments.Quick ? 2_000 : 20_000, 2_000);

        // Train on the column Image, and save the model as an ordinary ML.NET model file.
        string modelFile = output.File("vae.zip", "the model");
        using (VaeTransformer trained = Train(latentSize: 16, output.File("loss.png", "the loss during training")))
            mlContext.Model.Save(trained, data.Train.Schema, modelFile);

        // Load it, and score the test images.
        using var model = (VaeTransformer)mlContext.Model.Load(modelFile, out _);
        IDataView scored = model.Transform(data.Test);
        VaeMetrics test = mlContext.Generative().EvaluateVae(scored);
        Console.WriteLine(
            $"Test data: -ELBO {test.NegativeElbo:F1} nats = reconstruction {test.ReconstructionError:F1} + KL {test.KlDivergence:F1}");
        float[][] images = LabeledImages.Read(data.Test, 20).Images, rebuilt = [.. scored.GetColumn<float[]>("Reconstruction").Take(20)];
        float[][] rows = [.. images[..10], .. rebuilt[..10], .. images[10..], .. rebuilt[10..]];
        ImageSheet.Save(output.File("reconstructions.png", "test images and their reconstructions"), rows, 1, size, size, scale: 3);

        // Generate new images.
        IDataView generated = model.Generate(100, new VaeGenerateOptions { Seed = 7 });
        ImageSheet.Save(output.File("samples.png", "generated images"), generated.GetColumn<float[]>("Generated"), 1, size, size, scale: 3);

        // With two latent dimensions, the whole latent space fits on a page.
        using VaeTransformer plane = Train(latentSize: 2);
        IDataView encoded = plane.Transform(data.Test);
        var points = encoded.GetColumn<float[]>("Latent").Zip(encoded.GetColumn<uint>("Label"), (z, key) => (z[0], z[1], (int)key - 1));
        string spaceChart = output.File("latent-space.png", "latent space by class");
        Charts.Scatter(spaceChart, "Latent means", "dimension 0", "dimension 1", [.. points], data.ClassNames());
        float[][] grid = [.. plane.LatentGrid(20, 20).GetColumn<float[]>("Generated")];
        ImageSheet.Save(output.File("latent-grid.png", "images across the latent space"), grid, 1, size, size, columns: 20, padding: 0);

        VaeTransformer Train(int latentSize, string? lossChart = null)
        {
            using var progress = new ConsoleProgress($"VAE, {latentSize} latent dimensions");
            VaeTransformer trained = mlContext.Transforms.Generative().Vae(new VaeOptions
            {
                LatentSize = latentSize,
                Epochs = arguments.Quick ? 3 : 15,
                ValidationData = data.Test,
                Progress = progress,
                CancellationToken = arguments.Cancellation,
            }).Fit(data.Train);
            if (lossChart is not null)
                Charts.LossCurve(lossChart, "−ELBO of the VAE, nats", progress.History);
            return trained;
        }
    });
