using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Trainers;
using Samples.Shared;

namespace Module01;

/// <summary>Whole images: both models predict their classes, one directly and one by Bayes' rule.</summary>
internal static class ClassesSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Discriminative">The classifier's accuracy on the test images.</param>
    /// <param name="Generative">The accuracy of the generative model with Bayes' rule.</param>
    /// <param name="Both">The share of test images that both get right.</param>
    /// <param name="FewExamples">By the number of training images: the accuracy of logistic regression and of naive Bayes.</param>
    public sealed record Result(
        double Discriminative, double Generative, double Both,
        IReadOnlyList<(int Count, double Discriminative, double Generative)> FewExamples);

    private static readonly int[] _counts = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. The same with whole images");
        lesson.Classifier = TrainClassifier(lesson, lesson.TrainRows);
        lesson.Generator = TrainGenerator(lesson);

        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        int[] direct = [.. Classify(lesson, images).Select(scores => Numbers.IndexOfMax(scores))];
        double[][] joint = LogJoint(lesson, images);
        int[] byBayes = [.. joint.Select(logarithms => Numbers.IndexOfMax(logarithms))];

        Evidence(lesson, joint);
        var few = FewExamples(lesson);
        double both = direct.Zip(byBayes).Zip(labels)
            .Average(row => row.First.First == row.Second && row.First.Second == row.Second ? 1.0 : 0.0);
        var result = new Result(Numbers.Accuracy(direct, labels), Numbers.Accuracy(byBayes, labels), both, few);
        Console.WriteLine($"Accuracy on {images.Length:N0} test images: {result.Discriminative:P1} by p(class | image), "
            + $"{result.Generative:P1} by p(image | class) and Bayes' rule; {result.Both:P1} are right by both.");
        foreach (var (count, discriminative, generative) in few)
            Console.WriteLine($"Trained on {count,6:N0} images: logistic regression {discriminative:P1}, naive Bayes {generative:P1}.");
        return result;
    }

    /// <summary>Trains the discriminative model, p(class | image): ML.NET's multinomial logistic regression.</summary>
    public static MulticlassPredictionTransformer<MaximumEntropyModelParameters> TrainClassifier(Lesson lesson, IDataView data)
    {
        var trainer = lesson.ML.MulticlassClassification.Trainers.LbfgsMaximumEntropy(new LbfgsMaximumEntropyMulticlassTrainer.Options
        {
            FeatureColumnName = "Image",
            LabelColumnName = "Label",
            // So that the numbers do not depend on the number of cores.
            NumberOfThreads = 1,
        });
        return trainer.Fit(data);
    }

    /// <summary>p(class | image) of each image.</summary>
    public static float[][] Classify(Lesson lesson, IEnumerable<float[]> images) =>
        Lesson.Images(lesson.Classifier.Transform(lesson.Rows(images, label: 0)), "Score");

    /// <summary>log p(class) + log p(image | class) of each image and class; the second is the model's bound.</summary>
    public static double[][] LogJoint(Lesson lesson, IReadOnlyList<float[]> images)
    {
        int[] labels = lesson.TrainImages.Labels;
        double[] logPrior = [.. Enumerable.Range(0, Lesson.Classes)
            .Select(label => Math.Log(labels.Count(other => other == label) / (double)labels.Length))];
        double[][] byClass = [.. Enumerable.Range(0, Lesson.Classes).Select(label =>
        {
            IDataView scored = lesson.Generator.Transform(lesson.Rows(images, label));
            return scored.GetColumn<float>("NegativeElbo").Select(nats => logPrior[label] - nats).ToArray();
        })];
        return [.. Enumerable.Range(0, images.Count).Select(i => byClass.Select(column => column[i]).ToArray())];
    }

    // The generative model, p(image | class): a variational autoencoder that is conditioned on the class.
    private static VaeTransformer TrainGenerator(Lesson lesson)
    {
        using var progress = new ConsoleProgress("p(image | class)");
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            LatentSize = 8,
            HiddenSizes = [400, 400],
            BatchSize = 64,
            Epochs = lesson.Quick ? 12 : 15,
            // So that the numbers do not depend on the number of cores; layers this small gain little from more.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.TrainRows);
    }

    // What the generative model computes for a few images, class by class.
    private static void Evidence(Lesson lesson, double[][] joint)
    {
        const int shown = 4;
        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        int[] chosen = [.. Enumerable.Range(0, images.Length).GroupBy(i => labels[i]).OrderBy(group => group.Key).Skip(2).Take(shown)
            .Select(group => group.First())];
        var chart = new Chart("Four images by class: the lowest bar is the most probable class", "class", "−log p(image, class), nats")
            .Bars(lesson.ClassNames, [.. chosen.Select(i =>
                ((string?)$"an image of {lesson.ClassNames[labels[i]]}", (IReadOnlyList<double>)[.. joint[i].Select(value => -value)]))])
            .LegendOutside();
        chart.Save(lesson.Output.File("classes-evidence.png", "the evidence of four images for each class"), 1100, 560);
    }

    // Two linear classifiers of ML.NET: one discriminative, the other generative.
    private static List<(int Count, double Discriminative, double Generative)> FewExamples(Lesson lesson)
    {
        int[] counts = [.. _counts.Where(count => count <= (lesson.Quick ? 500 : lesson.TrainImages.Count))];
        var points = new List<(int Count, double Discriminative, double Generative)>();
        foreach (int count in counts)
        {
            // The fewer images, the more it matters which.
            int subsets = count <= 200 && !lesson.Quick ? 5 : 1;
            double discriminative = 0, generative = 0;
            for (int subset = 0; subset < subsets; subset++)
            {
                IDataView data = lesson.Rows(
                    lesson.TrainImages.Images.Skip(subset * count).Take(count), lesson.TrainImages.Labels.Skip(subset * count));
                discriminative += Accuracy(lesson, TrainClassifier(lesson, data)) / subsets;
                generative += Accuracy(
                    lesson, lesson.ML.MulticlassClassification.Trainers.NaiveBayes("Label", "Image").Fit(data)) / subsets;
            }

            points.Add((count, discriminative, generative));
        }

        new Chart("Few training images", "training images", "accuracy on test images, %", logX: true)
            .Line("discriminative: logistic regression", [.. points.Select(point => ((double)point.Count, 100 * point.Discriminative))])
            .Line("generative: naive Bayes", [.. points.Select(point => ((double)point.Count, 100 * point.Generative))])
            .Save(lesson.Output.File("classes-few.png", "accuracy by the number of training images"));
        return points;
    }

    private static double Accuracy(Lesson lesson, ITransformer model) =>
        lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.TestRows)).MicroAccuracy;
}
