using Microsoft.ML;
using Microsoft.ML.Data;
using Samples.Shared;

namespace Module01;

/// <summary>Whole images: both models name their classes, one directly and one by Bayes' rule.</summary>
internal static class ClassesSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Discriminative">The share of test images that the classifier gets right.</param>
    /// <param name="Generative">The share that the generative model gets right by Bayes' rule.</param>
    /// <param name="Both">The share that both get right.</param>
    /// <param name="FewExamples">For numbers of images to learn from: the shares by logistic regression and by naive Bayes.</param>
    public sealed record Result(double Discriminative, double Generative, double Both, IReadOnlyList<(int Count, double Discriminative, double Generative)> FewExamples);

    private static readonly int[] _counts = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. The same with whole images");
        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        int[] direct = [.. lesson.Classify(images).Select(scores => Lesson.IndexOfMax(scores))];
        double[][] joint = lesson.LogJoint(images);
        int[] byBayes = [.. joint.Select(logarithms => Lesson.IndexOfMax(logarithms))];

        Evidence(lesson, joint);
        var few = FewExamples(lesson);
        var result = new Result(
            Lesson.Share(direct, labels), Lesson.Share(byBayes, labels), direct.Zip(byBayes).Zip(labels).Average(row => row.First.First == row.Second && row.First.Second == row.Second ? 1.0 : 0.0), few);
        Console.WriteLine($"Right for {images.Length:N0} test images: {result.Discriminative:P1} by p(class | image), {result.Generative:P1} by p(image | class) and Bayes' rule; {result.Both:P1} by both.");
        foreach (var (count, discriminative, generative) in few)
            Console.WriteLine($"Learned from {count,6:N0} images: logistic regression {discriminative:P1}, naive Bayes {generative:P1}.");
        return result;
    }

    // What the generative model says of a few images, class by class.
    private static void Evidence(Lesson lesson, double[][] joint)
    {
        const int shown = 4;
        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        int[] chosen = [.. Enumerable.Range(0, images.Length).GroupBy(i => labels[i]).OrderBy(group => group.Key).Skip(2).Take(shown).Select(group => group.First())];
        var chart = new Chart("What each class makes of an image: the lowest bar is the most probable class", "class", "−log p(image, class), nats")
            .Bars(lesson.ClassNames, [.. chosen.Select(i => ((string?)$"an image of {lesson.ClassNames[labels[i]]}", (IReadOnlyList<double>)[.. joint[i].Select(value => -value)]))])
            .Legend(outside: true);
        chart.Save(lesson.Output.File("classes-evidence.png", "what each class makes of an image"), 1100, 560);
    }

    // Two linear classifiers of ML.NET: one discriminative, the other generative.
    private static List<(int Count, double Discriminative, double Generative)> FewExamples(Lesson lesson)
    {
        int[] counts = [.. _counts.Where(count => count <= (lesson.Quick ? 500 : lesson.TrainImages.Count))];
        var points = new List<(int Count, double Discriminative, double Generative)>();
        foreach (int count in counts)
        {
            // The fewer images, the more it matters which.
            int draws = count <= 200 && !lesson.Quick ? 5 : 1;
            double discriminative = 0, generative = 0;
            for (int draw = 0; draw < draws; draw++)
            {
                var data = lesson.Rows(lesson.TrainImages.Images.Skip(draw * count).Take(count), lesson.TrainImages.Labels.Skip(draw * count));
                discriminative += Accuracy(lesson, lesson.NewClassifier("Image").Fit(data)) / draws;
                generative += Accuracy(lesson, lesson.ML.MulticlassClassification.Trainers.NaiveBayes("Label", "Image").Fit(data)) / draws;
            }

            points.Add((count, discriminative, generative));
        }

        new Chart("Few images to learn from", "images to learn from", "right for test images, %", logX: true)
            .Line("discriminative: logistic regression", [.. points.Select(point => ((double)point.Count, 100 * point.Discriminative))])
            .Line("generative: naive Bayes", [.. points.Select(point => ((double)point.Count, 100 * point.Generative))])
            .Legend(bottom: true)
            .Save(lesson.Output.File("classes-few.png", "who learns faster, and who learns more"));
        return points;
    }

    private static double Accuracy(Lesson lesson, ITransformer model) => lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test)).MicroAccuracy;
}
