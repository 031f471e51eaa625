using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;

namespace Module07;

/// <summary>Networks that learn to take the noise away: one by the velocity, one by the noise itself.</summary>
internal static class TrainingSection
{
    public sealed record Line(string Name, double Agreement, double Gray, DiffusionMetrics Metrics);

    public sealed record Result(Line Velocity, Line Noise, double TestAgreement, double TestGray);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Training: learning to take noise away");
        DiffusionTransformer velocity = lesson.Model;
        DiffusionOptions options = lesson.Options();
        options.Prediction = PredictionType.Epsilon;
        var (noise, noiseHistory) = lesson.Fit("noise", options);
        Chart.SavePanels(lesson.Output.File("loss-by-time.png", "the loss by time while training"),
            [Losses("Asked for the velocity", lesson.History), Losses("Asked for the noise", noiseHistory)]);

        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.InTurn(count);
        (Line ofVelocity, float[][] drawn) = Measure("velocity", velocity);
        (Line ofNoise, float[][] grainy) = Measure("noise", noise);
        string[] classes = [.. Enumerable.Range(0, Lesson.Classes).Select(i => $"{i}")];
        lesson.Draw("drawn.png", "new images, a class a column", drawn, Lesson.Classes, columnCaptions: classes);
        lesson.Draw(
            "predictions.png", "the same noise, a network that tells the velocity and one that tells the noise",
            [.. drawn[..(2 * Lesson.Classes)], .. grainy[..(2 * Lesson.Classes)]], Lesson.Classes, ["velocity", "", "noise", ""], classes);

        float[][] real = lesson.TestImages.Images[..200];
        var result = new Result(ofVelocity, ofNoise, lesson.Judge.Agreement(real, lesson.TestImages.Labels[..200]), Judge.Gray(real));
        foreach (Line line in (Line[])[ofVelocity, ofNoise])
        {
            Console.WriteLine($"Asked for the {line.Name}: {line.Agreement:P0} of {count} drawn images look like the class that was asked for, {line.Gray:P1} of their pixels are gray.");
            Console.WriteLine($"  Test images: error of the noise {line.Metrics.NoiseLoss:F4} (by time {string.Join(", ", line.Metrics.NoiseLossByBand.Select(l => l.ToString("F4")))}), at most {line.Metrics.BitsPerDimension:F2} bits a pixel.");
        }

        Console.WriteLine($"Of real images the same judge gets {result.TestAgreement:P0} right, and {result.TestGray:P1} of the pixels are gray.");
        return result;

        (Line Line, float[][] Drawn) Measure(string name, DiffusionTransformer model)
        {
            DiffusionGenerateOptions drawing = lesson.Drawing(DiffusionSampler.Ddim, 50, guidanceScale: 2);
            drawing.Labels = labels;
            float[][] images = Lesson.Images(model.Generate(count, drawing));
            DiffusionMetrics metrics = lesson.ML.Generative().EvaluateDiffusion(model, lesson.ML.Data.TakeRows(lesson.Test, lesson.Quick ? 50 : 200), timesteps: 40, seed: 1);
            return (new Line(name, lesson.Judge.Agreement(images, labels), Judge.Gray(images), metrics), images);
        }
    }

    private static Chart Losses(string title, IReadOnlyList<TrainingProgress> history)
    {
        var chart = new Chart(title, "step", "mean squared error", logY: true);
        foreach (string band in (string[])["t 0-25%", "t 25-50%", "t 50-75%", "t 75-100%"])
            chart.Line(band, [.. history.Where(p => p.LossTerms.ContainsKey(band)).Select(p => ((double)p.Step, p.LossTerms[band]))]);
        return chart.Legend();
    }
}
