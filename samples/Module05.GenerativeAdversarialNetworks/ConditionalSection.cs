using Microsoft.ML;
using Microsoft.ML.Generative;

namespace Module05;

/// <summary>A generator that is told the class.</summary>
internal static class ConditionalSection
{
    /// <param name="Obeyed">The share of images that the classifier reads as the class asked for.</param>
    /// <param name="ByClass">The same for each class.</param>
    /// <param name="Drawn">How good they are.</param>
    /// <param name="Model">The generator.</param>
    public sealed record Result(double Obeyed, IReadOnlyList<double> ByClass, Judgement Drawn, GanTransformer Model);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Digits that are asked for");
        GanOptions options = lesson.Options();
        options.LabelColumnName = "Label";
        var (model, _) = lesson.Fit("conditional", options);

        const int rows = 5;
        lesson.Draw(
            "conditional.png", "one z a row, a class a column",
            Enumerable.Range(0, rows).SelectMany(seed => Enumerable.Range(0, lesson.Classes).Select(label => model.Decode(model.SampleLatent(seed), label))),
            lesson.Classes, columnCaptions: lesson.ClassNames);

        int[] labels = lesson.InTurn(lesson.Drawn);
        IDataView drawn = model.Generate(lesson.Drawn, new() { Seed = 1, Labels = labels });
        Judgement judged = lesson.Judge("conditional", drawn);
        double[] byClass = [.. Enumerable.Range(0, lesson.Classes).Select(label => Share(Enumerable.Range(0, labels.Length).Where(i => labels[i] == label)))];
        double obeyed = Share(Enumerable.Range(0, labels.Length));

        Judgement.PrintHead();
        judged.Print(lesson.Classes);
        Console.WriteLine($"{obeyed:P1} of {labels.Length:N0} images are read as what was asked for: {string.Join(", ", byClass.Select((share, label) => $"{lesson.ClassNames[label]} {share:P1}"))}.");
        return new Result(obeyed, byClass, judged, model);

        double Share(IEnumerable<int> indices) => indices.Average(i => judged.Read[i] == labels[i] ? 1.0 : 0);
    }
}
