using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module04;

/// <summary>Encoder and decoder: images reconstructed from 16 values, and new images from random ones.</summary>
internal static class AutoencoderSection
{
    public sealed record Result(VaeMetrics Test, double Gap, double MeanImageNats);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Encoder and decoder");
        VaeTransformer vae = lesson.Plain = Train(lesson);

        var image = lesson.TestImages.Images[0];
        float[] latent = vae.Encode(image);
        float[] reconstruction = vae.Decode(latent);
        Console.WriteLine($"The encoder maps {image.Length} pixels to {latent.Length} values, for the first test image "
            + $"{string.Join(' ', latent.Select(z => $"{z:0.0}"))}; the decoder maps these to {reconstruction.Length} pixels.");

        IDataView scored = vae.Transform(lesson.Test);
        float[][] reconstructions = Lesson.Images(scored, "Reconstruction", 30);
        lesson.SaveImages(
            "autoencoder-reconstructions.png", "test images and their reconstructions",
            Enumerable.Range(0, 3)
                .SelectMany(row => lesson.TestImages.Images.Skip(10 * row).Take(10).Concat(reconstructions.Skip(10 * row).Take(10))),
            columns: 10, scale: 3, rowCaptions: [.. Enumerable.Range(0, 6).Select(row => row % 2 == 0 ? "image" : "reconstruction")]);

        // Each column has the same z, closer and closer to the center of the prior.
        double[] temperatures = [1, 0.7, 0.4, 0];
        lesson.SaveImages(
            "autoencoder-samples.png", "generated images",
            temperatures.SelectMany(temperature => Lesson.Images(vae.Generate(12, new() { Seed = 7, Temperature = temperature }))),
            columns: 12, scale: 3, rowCaptions: [.. temperatures.Select(temperature => $"temperature {temperature}")]);

        VaeMetrics test = lesson.ML.Generative().EvaluateVae(scored);
        VaeMetrics train = lesson.ML.Generative().EvaluateVae(vae.Transform(lesson.ML.Data.TakeRows(lesson.Train, (int)test.Rows)));
        Console.WriteLine($"Test images: −ELBO {test.NegativeElbo:F1} nats = reconstruction {test.ReconstructionError:F1} + KL "
            + $"{test.KlDivergence:F1}. Training images: −ELBO {train.NegativeElbo:F1}.");
        var meanImage = MeanImageNats(lesson);
        Console.WriteLine($"A model without a latent vector, with the mean of each pixel alone, has {meanImage:F1} nats.");
        return new Result(test, test.NegativeElbo - train.NegativeElbo, meanImage);
    }

    private static VaeTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("VAE, 16 latent dimensions");
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 16,
            Epochs = lesson.Epochs,
            // So that the numbers do not depend on the number of cores; layers this small gain little from more.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }

    private static double MeanImageNats(Lesson lesson)
    {
        var train = lesson.KnownImages.Images;
        // No probability may be 0, even of a pixel that was always black.
        double[] mean = [.. Enumerable.Range(0, Lesson.Pixels).Select(i => (train.Sum(image => image[i]) + 0.5) / (train.Length + 1.0))];
        return lesson.TestImages.Images.Average(image => -image.Zip(mean, (x, p) => x * Math.Log(p) + (1 - x) * Math.Log(1 - p)).Sum());
    }
}
