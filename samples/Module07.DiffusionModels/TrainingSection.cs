using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module07;

/// <summary>A network that learns to take the noise away.</summary>
internal static class TrainingSection
{
    public sealed record Result(double Agreement, double TestAgreement, DiffusionMetrics Metrics, int Reports);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Training: learning to take noise away");
        DiffusionTransformer model = lesson.Model;
        string[] bands = ["t 0-25%", "t 25-50%", "t 50-75%", "t 75-100%"];
        var chart = new Chart("the loss, by how much noise there is", "step", "mean squared error", logY: true);
        foreach (string band in bands)
            chart.Line(band, [.. lesson.History.Where(p => p.LossTerms.ContainsKey(band)).Select(p => ((double)p.Step, p.LossTerms[band]))]);
        chart.Legend().Save(lesson.Output.File("loss-by-time.png", "the loss by time while training"));

        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.InTurn(count);
        DiffusionGenerateOptions options = lesson.Drawing(DiffusionSampler.Ddim, 50, guidanceScale: 2);
        options.Labels = labels;
        float[][] drawn = Lesson.Pictures(model.Generate(count, options));
        lesson.Draw("drawn.png", "new pictures, a class a column", drawn, Lesson.Classes, columnCaptions: [.. Enumerable.Range(0, Lesson.Classes).Select(i => $"{i}")]);

        DiffusionMetrics metrics = lesson.ML.Generative().EvaluateDiffusion(model, lesson.ML.Data.TakeRows(lesson.Test, lesson.Quick ? 50 : 500), timesteps: 40, seed: 1);
        var result = new Result(
            lesson.Judge.Agreement(drawn, labels), lesson.Judge.Agreement(lesson.TestPictures.Images[..200], lesson.TestPictures.Labels[..200]), metrics, lesson.History.Count);
        Console.WriteLine($"Of {count} drawn pictures, {result.Agreement:P0} look like the class that was asked for; of real ones the same judge gets {result.TestAgreement:P0} right.");
        Console.WriteLine($"On pictures that it has not seen, the error of the noise is {metrics.NoiseLoss:F3} (by time: {string.Join(", ", metrics.NoiseLossByBand.Select(l => l.ToString("F3")))}); the likelihood is at least {metrics.BitsPerDimension:F2} bits a pixel.");
        return result;
    }
}
