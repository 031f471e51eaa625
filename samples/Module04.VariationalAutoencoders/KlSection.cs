using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Samples.Shared;

namespace Module04;

/// <summary>The KL term: what a small and a large weight β do.</summary>
internal static class KlSection
{
    public sealed record Result(VaeMetrics Small, VaeMetrics One, VaeMetrics Large);

    private static readonly double[] _betas = [0.1, 1, 4];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. The KL term");
        VaeTransformer[] models =
        [
            .. _betas.Select(beta => beta == 1 ? lesson.Plain : lesson.Keep(Train(lesson, beta))),
        ];

        const int columns = 12;
        lesson.SaveImages(
            "kl-reconstructions.png", "reconstructions by the weight β of the KL term",
            [.. lesson.TestImages.Images.Take(columns), .. models.SelectMany(model =>
                Lesson.Images(model.Transform(lesson.Test), "Reconstruction", columns))],
            columns, scale: 3, rowCaptions: ["image", .. _betas.Select(beta => $"β = {beta}")]);
        lesson.SaveImages(
            "kl-samples.png", "generated images by the weight β of the KL term",
            models.SelectMany(model => Lesson.Images(model.Generate(2 * columns, new() { Seed = 7 }))), columns, scale: 3,
            rowCaptions: [.. _betas.SelectMany(beta => new[] { $"β = {beta}", "" })]);

        VaeMetrics[] metrics =
            [.. models.Select(model => lesson.ML.Generative().EvaluateVaeLikelihood(model, lesson.Test, importanceSamples: 10, seed: 1))];
        var (rates, bound) = (metrics.Select(m => m.KlDivergence).ToArray(), metrics[1].NegativeElbo);
        var plane = new Chart("Rate and distortion", "rate: KL, nats", "distortion: −log p(x|z), nats")
            .Line(null, [.. metrics.Select(m => (m.KlDivergence, m.ReconstructionError))], color: 7)
            .Line(
                $"−ELBO = {bound:F1}", [.. new[] { rates.Min(), rates.Max() }.Select(rate => (rate, bound - rate))], color: 7,
                dashed: true);
        foreach (var (i, (beta, m)) in _betas.Zip(metrics).Index())
            plane.Points($"β = {beta}, −ELBO {m.NegativeElbo:F1}", [(m.KlDivergence, m.ReconstructionError)], color: i, size: 6);
        plane.Save(lesson.Output.File("kl-rate-distortion.png", "rate and distortion"));

        var variances = new Chart("Active latent dimensions", "latent dimension, by variance", "variance of the latent mean", logY: true);
        foreach (var (beta, model) in _betas.Zip(models))
            variances.Line(
                $"β = {beta}", [.. Variances(model.Transform(lesson.Test)).OrderDescending().Select((variance, k) => (k + 1.0, variance))]);
        variances.Line("active above 0.01", [(1, 0.01), (16, 0.01)], color: 7, dashed: true)
            .Save(lesson.Output.File("kl-active-units.png", "active latent dimensions"));

        foreach (var (beta, m) in _betas.Zip(metrics))
            Console.WriteLine($"β = {beta}: distortion {m.ReconstructionError:F1} + rate {m.KlDivergence:F1} = −ELBO "
                + $"{m.NegativeElbo:F1} nats, {m.ActiveUnits} of 16 dimensions active.");
        return new Result(metrics[0], metrics[1], metrics[2]);
    }

    private static VaeTransformer Train(Lesson lesson, double beta)
    {
        using var progress = new ConsoleProgress($"VAE, β = {beta}");
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 16,
            Beta = beta,
            Epochs = lesson.Epochs,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }

    private static double[] Variances(IDataView encoded)
    {
        float[][] latents = [.. encoded.GetColumn<float[]>("Latent")];
        return [.. Enumerable.Range(0, latents[0].Length).Select(k =>
        {
            var mean = latents.Average(z => (double)z[k]);
            return latents.Average(z => (z[k] - mean) * (z[k] - mean));
        })];
    }
}
