using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module08;

/// <summary>A reward that says less than what is wanted, and what holds the model.</summary>
internal static class HackingSection
{
    public sealed record Line(string Name, double Reward, double Judge, double Divergence);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("5. Reward hacking: bold digits, or only ink");
        ImageReward ink = ImageReward.FromFunction(image =>
        {
            double sum = 0;
            foreach (float pixel in image.Values.Span)
                sum += pixel;
            return sum / image.Values.Length;
        });

        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.LabelsInTurn(count);
        List<float[]> shown = [.. Lesson.Images(ImageSection.Generate(lesson, lesson.Model, labels), count: Lesson.Classes)];
        var rewards = new Chart("Reward of the roll-outs", "update", "ink");
        var divergences = new Chart("Divergence from the base model", "update", "nats per step and pixel");
        List<Line> lines = [Measure("before", lesson.Model, divergence: 0)];
        foreach (double weight in (double[])[1e-6, 1])
        {
            var (model, history) = ImageSection.Push(lesson, $"ink, KL weight {weight:0.######}", ink, weight);
            using var owned = model;
            string name = weight < 1e-3 ? "without KL" : $"KL weight {weight}";
            rewards.Line(name, ImageSection.Term(history, "reward"));
            divergences.Line(name, ImageSection.Term(history, "kl"));
            lines.Add(Measure(name, model, ImageSection.Term(history, "kl")[^1].Y));
            shown.AddRange(Lesson.Images(ImageSection.Generate(lesson, model, labels), count: Lesson.Classes));
        }

        foreach (Line line in lines)
        {
            Console.WriteLine(
                $"{line.Name,-16} ink {line.Reward:F3}; the judge agrees with {line.Judge:P0} of {count}; "
                + $"divergence {line.Divergence:G2}.");
        }

        lesson.SaveImages(
            "reward-hacking.png", "the same noise: before, and pushed towards ink with more and more weight of the divergence",
            shown, Lesson.Classes,
            [.. lines.Select(line => line.Name)], [.. Enumerable.Range(0, Lesson.Classes).Select(i => $"{i}")]);
        Chart.SavePanels(lesson.Output.File("reward-and-divergence.png", "reward and divergence by update"), [rewards, divergences]);
        return lines;

        Line Measure(string name, DiffusionTransformer model, double divergence)
        {
            IDataView images = ImageSection.Generate(lesson, model, labels);
            return new Line(name, ink.Score(images).Average(), lesson.Judge.Accuracy(Lesson.Images(images), labels), divergence);
        }
    }
}
