using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Collapse on digits: the game of 2014 between fully connected networks, and what three stabilisers make of it, each alone.</summary>
internal static class CollapseSection
{
    /// <param name="Judgement">How good its pictures are.</param>
    /// <param name="Diversity">How much they varied in the middle of the game and in the end, as a part of real ones.</param>
    public sealed record Line(Judgement Judgement, double Diversity);

    private const int Shown = 15;

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("4. Collapse, drawn");
        (string Name, Action<GanOptions> Change)[] games =
        [
            ("plain", options => { }),
            ("R1", options => options.R1Weight = 0.1),
            ("spectral normalisation", options => options.DiscriminatorNormalization = GanNormalization.Spectral),
            ("augmentation", options => options.Augmentation = GanAugmentations.Translation | GanAugmentations.Cutout),
        ];

        List<Line> lines = [];
        List<float[]> shown = [];
        var diversity = new Chart("How much the pictures of a batch vary", "step", "variance, as a part of the real one");
        foreach (var (name, change) in games)
        {
            GanOptions options = Plain(lesson);
            change(options);
            var (model, history) = lesson.Fit(name, options);
            IDataView drawn = model.Generate(lesson.Drawn, new() { Seed = 1 });
            shown.AddRange(Lesson.Pictures(drawn, 2 * Shown));
            lines.Add(new Line(lesson.Judge(name, drawn), history.Min(p => p.LossTerms["diversity"])));
            diversity.Line(name, [.. history.Select(p => ((double)p.Step, p.LossTerms["diversity"]))]);
        }

        lesson.Draw("collapse.png", "the plain game and three that are stabilised", shown, Shown, [.. games.SelectMany(game => (string[])[game.Name, ""])]);
        diversity.Range(yLow: 0).Legend(bottom: true).Save(lesson.Output.File("collapse-diversity.png", "how much pictures vary while the games are played"));
        Judgement.PrintHead();
        foreach (Line line in lines)
            line.Judgement.Print(lesson.Classes);
        return lines;
    }

    private static GanOptions Plain(Lesson lesson)
    {
        GanOptions options = lesson.Options();
        options.Architecture = GanArchitecture.Mlp;
        options.HiddenSizes = lesson.Quick ? [128, 128] : [256, 256];
        options.DiscriminatorNormalization = GanNormalization.None;
        options.DiscriminatorLearningRate = null;
        options.R1Weight = 0;
        return options;
    }
}
