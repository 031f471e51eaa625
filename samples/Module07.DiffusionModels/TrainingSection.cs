using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;

namespace Module07;

/// <summary>Networks that learn to remove noise: one predicts the velocity, one the noise.</summary>
internal static class TrainingSection
{
    public sealed record Line(string Name, double ClassAccuracy, double Gray, DiffusionMetrics Metrics);

    public sealed record Result(Line Velocity, Line Noise, double TestAccuracy, double TestGray);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Training: learning to remove noise");
        string samples = lesson.Output.File("while-training", "images generated during training");
        var (velocity, velocityHistory) = Train(lesson, "velocity", PredictionType.Velocity, samples);
        lesson.Model = velocity;
        var (noise, noiseHistory) = Train(lesson, "noise", PredictionType.Epsilon, sampleDirectory: null);
        using var owned = noise;
        Chart.SavePanels(lesson.Output.File("loss-by-time.png", "the loss by timestep during training"),
            [Losses("Predicting the velocity", velocityHistory), Losses("Predicting the noise", noiseHistory)]);

        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.LabelsInTurn(count);
        (Line ofVelocity, float[][] clean) = Measure("velocity", velocity);
        (Line ofNoise, float[][] grainy) = Measure("noise", noise);
        string[] classes = [.. Enumerable.Range(0, Lesson.Classes).Select(i => $"{i}")];
        lesson.SaveImages("generated.png", "generated images, one class per column", clean, Lesson.Classes, columnCaptions: classes);
        lesson.SaveImages(
            "predictions.png", "the same noise, with networks that predict the velocity and the noise",
            [.. clean[..(2 * Lesson.Classes)], .. grainy[..(2 * Lesson.Classes)]], Lesson.Classes, ["velocity", "", "noise", ""], classes);

        float[][] real = lesson.TestImages.Images[..200];
        var result = new Result(
            ofVelocity, ofNoise, lesson.Classifier.Accuracy(real, lesson.TestImages.Labels[..200]), NearestNeighbors.Gray(real));
        foreach (Line line in (Line[])[ofVelocity, ofNoise])
        {
            Console.WriteLine($"Predicting the {line.Name}: {line.ClassAccuracy:P0} of {count} generated images are of the requested "
                + $"class, {line.Gray:P1} of their pixels are gray.");
            Console.WriteLine($"  Test images: error of the noise {line.Metrics.NoiseLoss:F4} (by timestep "
                + $"{string.Join(", ", line.Metrics.NoiseLossByBand.Select(l => l.ToString("F4")))}), at most "
                + $"{line.Metrics.BitsPerDimension:F2} bits per pixel.");
        }

        Console.WriteLine($"The classifier has an accuracy of {result.TestAccuracy:P0} on real images, and {result.TestGray:P1} of their "
            + $"pixels are gray.");
        return result;

        (Line Line, float[][] Images) Measure(string name, DiffusionTransformer model)
        {
            float[][] images = Lesson.Images(model.Generate(count, new DiffusionGenerateOptions
            {
                Seed = 1,
                Labels = labels,
                GuidanceScale = 2,
                Sampler = DiffusionSampler.Ddim,
                Steps = lesson.Steps(50),
                CancellationToken = lesson.Cancellation,
            }));
            DiffusionMetrics metrics = lesson.ML.Generative().EvaluateDiffusion(
                model, lesson.ML.Data.TakeRows(lesson.Test, lesson.Quick ? 50 : 200), timesteps: 40, seed: 1);
            return (new Line(name, lesson.Classifier.Accuracy(images, labels), NearestNeighbors.Gray(images), metrics), images);
        }
    }

    // A U-Net that learns these images in a few minutes.
    private static (DiffusionTransformer Model, IReadOnlyList<TrainingProgress> History) Train(
        Lesson lesson, string title, PredictionType prediction, string? sampleDirectory)
    {
        using var progress = new ConsoleProgress(title);
        long steps = lesson.Quick ? 60 : 1_000;
        DiffusionTransformer model = lesson.ML.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            BlockChannels = lesson.Quick ? [8, 16, 16] : [16, 32, 64],
            NoiseSchedule = Lesson.Cosine,
            Prediction = prediction,
            MaxSteps = steps,
            BatchSize = lesson.Quick ? 16 : 32,
            LearningRate = 1e-3,
            EmaDecay = 0.99,
            SampleDirectory = sampleDirectory,
            SampleInterval = sampleDirectory is null ? null : steps / 4,
            Seed = 1,
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }

    private static Chart Losses(string title, IReadOnlyList<TrainingProgress> history)
    {
        var chart = new Chart(title, "step", "mean squared error", logY: true);
        foreach (string band in (string[])["t 0-25%", "t 25-50%", "t 50-75%", "t 75-100%"])
        {
            chart.Line(
                band, [.. history.Where(p => p.RecentLossTerms.ContainsKey(band)).Select(p => ((double)p.Step, p.RecentLossTerms[band]))]);
        }
        return chart;
    }
}
