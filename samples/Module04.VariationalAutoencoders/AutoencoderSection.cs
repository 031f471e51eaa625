using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module04;

/// <summary>Encoder and decoder: images rebuilt from 16 numbers, and new images from random ones.</summary>
internal static class AutoencoderSection
{
    public sealed record Result(VaeMetrics Test, double Gap, double MeanImageNats);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Encoder and decoder");
        var vae = lesson.Plain;

        var image = lesson.TestImages.Images[0];
        float[] latent = vae.Encode(image);
        float[] rebuilt = vae.Decode(latent);
        Console.WriteLine($"The encoder makes {latent.Length} numbers of {image.Length}, for the first test image {string.Join(' ', latent.Select(z => $"{z:0.0}"))}; the decoder makes {rebuilt.Length} of these.");

        IDataView scored = vae.Transform(lesson.Test);
        float[][] reconstructions = Lesson.Column(scored, "Reconstruction", 30);
        lesson.Draw(
            "autoencoder-reconstructions.png", "test images and what comes back",
            Enumerable.Range(0, 3).SelectMany(row => lesson.TestImages.Images.Skip(10 * row).Take(10).Concat(reconstructions.Skip(10 * row).Take(10))),
            columns: 10, scale: 3, rowCaptions: [.. Enumerable.Range(0, 6).Select(row => row % 2 == 0 ? "image" : "rebuilt")]);

        // Column by column the same z, ever closer to the middle of the prior.
        double[] temperatures = [1, 0.7, 0.4, 0];
        lesson.Draw(
            "autoencoder-samples.png", "new images, from random numbers",
            temperatures.SelectMany(temperature => Lesson.Column(vae.Generate(12, new() { Seed = 7, Temperature = temperature }))),
            columns: 12, scale: 3, rowCaptions: [.. temperatures.Select(temperature => $"temperature {temperature}")]);

        VaeMetrics test = lesson.ML.Generative().EvaluateVae(scored);
        VaeMetrics train = lesson.ML.Generative().EvaluateVae(vae.Transform(lesson.ML.Data.TakeRows(lesson.Train, (int)test.Rows)));
        Console.WriteLine($"Test images: −ELBO {test.NegativeElbo:F1} nats = reconstruction {test.ReconstructionError:F1} + KL {test.KlDivergence:F1}. Training images: −ELBO {train.NegativeElbo:F1}.");
        var meanImage = MeanImageNats(lesson);
        Console.WriteLine($"A model without a latent vector, which knows only the mean of each pixel, needs {meanImage:F1} nats.");
        return new Result(test, test.NegativeElbo - train.NegativeElbo, meanImage);
    }

    private static double MeanImageNats(Lesson lesson)
    {
        var train = lesson.TrainImages.Images;
        // A pixel that was always black may still be white once.
        double[] mean = [.. Enumerable.Range(0, Lesson.Pixels).Select(i => (train.Sum(image => image[i]) + 0.5) / (train.Length + 1.0))];
        return lesson.TestImages.Images.Average(image => -image.Zip(mean, (x, p) => x * Math.Log(p) + (1 - x) * Math.Log(1 - p)).Sum());
    }
}
