using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Collapse on digits: the game of 2014 between fully connected networks, and what stabilizers make of it, each alone.</summary>
internal static class CollapseSection
{
    /// <param name="Judgement">How good its images are.</param>
    /// <param name="Diversity">How much they varied in the second half of the game, as a part of real ones.</param>
    public sealed record Line(Judgement Judgement, double Diversity);

    private const int Shown = 15;

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("4. Collapse, drawn");
        (string Name, Action<GanOptions>[] Changes)[] games =
        [
            ("plain", []),
            ("minibatch deviation", [options => options.MinibatchStandardDeviation = true]),
            ("spectral normalization", [options => options.DiscriminatorNormalization = GanNormalization.Spectral]),
            ("R1", [Penalty]),
            ("augmentation", [options => options.Augmentation = GanAugmentations.Translation | GanAugmentations.Cutout]),
            ("less momentum", [LessMomentum]),
            ("less momentum, R1", [LessMomentum, Penalty]),
            ("less momentum, R1, 2 D steps", [LessMomentum, Penalty, TwoSteps]),
        ];
        if (lesson.Quick)
            games = [games[0], games[^1]];

        List<Line> lines = [];
        List<float[]> shown = [];
        var diversity = new Chart("How much the images of a batch vary", "step", "variance, as a part of the real one");
        foreach (var (name, changes) in games)
        {
            GanOptions options = Plain(lesson);
            foreach (Action<GanOptions> change in changes)
                change(options);
            var (model, history) = lesson.Fit(name, options);
            IDataView drawn = model.Generate(lesson.Drawn, new() { Seed = 1 });
            shown.AddRange(Lesson.Images(drawn, 2 * Shown));
            lines.Add(new Line(lesson.Judge(name, drawn), history.Skip(history.Count / 2).Average(p => p.LossTerms["diversity"])));
            diversity.Line(name, Lesson.Term(history, "diversity"));
        }

        lesson.Draw("collapse.png", "the plain game and what is done about it", shown, Shown, [.. games.SelectMany(game => (string[])[game.Name, ""])]);
        diversity.Range(yLow: 0).Legend(outside: true).Save(lesson.Output.File("collapse-diversity.png", "how much images vary while the games are played"), 1_100);
        Judgement.PrintHead();
        foreach (Line line in lines)
            line.Judgement.Print(lesson.Classes);
        return lines;
    }

    private static GanOptions Plain(Lesson lesson) => new()
    {
        Network = GanNetworkKind.Mlp,
        HiddenSizes = lesson.Quick ? [128, 128] : [256, 256],
        LatentSize = 64,
        DiscriminatorNormalization = GanNormalization.None,
        BatchSize = lesson.Quick ? 32 : 64,
        MaxSteps = lesson.Quick ? 400 : 1_500,
        LearningRate = 1e-3,
        Beta1 = 0.9,
        EmaDecay = 0.99,
    };

    private static void Penalty(GanOptions options) => options.R1Weight = 1;

    private static void TwoSteps(GanOptions options) => options.DiscriminatorSteps = 2;

    private static void LessMomentum(GanOptions options) => options.Beta1 = 0.5;
}
