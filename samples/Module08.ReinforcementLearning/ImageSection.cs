using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;

namespace Module08;

/// <summary>A diffusion model that is pushed towards digits that a classifier recognizes.</summary>
internal static class ImageSection
{
    public sealed record Line(string Name, double Reward, double Judge, double Distance);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("4. Images and a reward: a classifier teaches a diffusion model");
        DiffusionTransformer model = lesson.Model = TrainModel(lesson);
        using ImageClassifierTransformer classifier = TrainClassifier(lesson);
        ImageReward ownClass = ImageReward.FromModel(classifier);
        var (pushed, history) = Push(lesson, "towards the classifier", ownClass, klWeight: 0);
        lesson.Keep(pushed);

        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.LabelsInTurn(count);
        // Four candidates of each class, one after the other.
        int candidates = lesson.Quick ? 2 : 4;
        IDataView best = Generate(lesson, model, [.. labels.SelectMany(label => Enumerable.Repeat(label, candidates))])
            .SelectBest(candidates, ownClass);
        (string Name, IDataView Images)[] sets =
        [
            ("before", Generate(lesson, model, labels)),
            ($"best of {candidates}, no training", best),
            ("after", Generate(lesson, pushed, labels)),
        ];
        List<Line> lines = [];
        foreach ((string name, IDataView images) in sets)
        {
            float[][] pixels = Lesson.Images(images);
            var line = new Line(
                name, ownClass.Score(images, labelColumnName: "Label").Average(), lesson.Judge.Accuracy(pixels, labels),
                lesson.Judge.Distance(pixels));
            lines.Add(line);
            Console.WriteLine(
                $"{name,-22} reward {line.Reward:F3}; the judge agrees with {line.Judge:P0} of {count}; "
                + $"distance from real images {line.Distance:F2}.");
        }

        string[] classes = [.. Enumerable.Range(0, Lesson.Classes).Select(i => $"{i}")];
        lesson.SaveImages(
            "before-and-after.png", "before (two rows) and after the training, the same noise",
            [.. Lesson.Images(sets[0].Images)[..(2 * Lesson.Classes)], .. Lesson.Images(sets[2].Images)[..(2 * Lesson.Classes)]],
            Lesson.Classes, ["before", "", "after", ""], classes);
        new Chart("Reward of the roll-outs", "update", "probability of the class")
            .Line("mean", Term(history, "reward"))
            .Line("standard deviation", Term(history, "reward std"))
            .Save(lesson.Output.File("reward-curve.png", "the reward of the roll-outs by update"));
        return lines;
    }

    /// <summary>Continues from the lesson's model, towards a reward.</summary>
    public static (DiffusionTransformer Model, IReadOnlyList<TrainingProgress> History) Push(
        Lesson lesson, string title, ImageReward reward, double klWeight)
    {
        using var progress = new ConsoleProgress(title);
        DiffusionTransformer model = lesson.ML.Transforms.Generative().DiffusionReward(new DiffusionRewardOptions
        {
            BaseModel = lesson.Model,
            Reward = reward,
            KlWeight = klWeight,
            Epochs = lesson.Quick ? 2 : 20,
            ImagesPerEpoch = lesson.Quick ? 10 : 32,
            Steps = lesson.Quick ? 4 : 10,
            BatchSize = 64,
            GradientAccumulationSteps = 2,
            LearningRate = 2e-4,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }

    /// <summary>Images of classes, by the steps that a reward trains.</summary>
    public static IDataView Generate(Lesson lesson, DiffusionTransformer model, int[] labels) =>
        model.Generate(labels.Length, new DiffusionGenerateOptions
        {
            Seed = 1,
            Labels = labels,
            Sampler = DiffusionSampler.Ddpm,
            Steps = lesson.Quick ? 4 : 10,
            CancellationToken = lesson.Cancellation,
        });

    public static IReadOnlyList<(double X, double Y)> Term(IReadOnlyList<TrainingProgress> history, string name) =>
        [.. history.Where(p => p.RecentLossTerms.ContainsKey(name)).Select(p => ((double)p.Step, p.RecentLossTerms[name]))];

    // Small, and not trained to the end: the reward has something to improve.
    private static DiffusionTransformer TrainModel(Lesson lesson)
    {
        using var progress = new ConsoleProgress("diffusion");
        return lesson.ML.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            BlockChannels = lesson.Quick ? [8, 8, 8] : [8, 16, 32],
            NoiseSchedule = new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine },
            Prediction = PredictionType.Velocity,
            MaxSteps = lesson.Quick ? 30 : 500,
            BatchSize = lesson.Quick ? 16 : 32,
            LearningRate = 2e-3,
            EmaDecay = 0.99,
            Seed = 1,
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }

    private static ImageClassifierTransformer TrainClassifier(Lesson lesson)
    {
        using var progress = new ConsoleProgress("classifier");
        return lesson.ML.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            BaseChannels = 8,
            Epochs = lesson.Quick ? 1 : 2,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }
}
