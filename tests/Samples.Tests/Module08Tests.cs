using Microsoft.ML.Generative.Tests;
using Module08;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, with a small network; the tests look at what they computed and wrote.</summary>
public sealed class Module08Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module08Run()
    {
        using var lesson = new Lesson(new SampleArguments("digits", Quick: true, new SampleOutput(_folder.Path)));
        Grid = GridSection.Run(lesson);
        PolicyGradient = PolicyGradientSection.Run(lesson);
        Bandits = BanditSection.Run(lesson);
        Images = ImageSection.Run(lesson);
        Hacking = HackingSection.Run(lesson);
        Texts = TextSection.Run(lesson);
        Files = Directory.GetFiles(_folder.Path);
    }

    internal IReadOnlyList<GridSection.Line> Grid { get; }

    internal PolicyGradientSection.Result PolicyGradient { get; }

    internal IReadOnlyList<BanditSection.Line> Bandits { get; }

    internal IReadOnlyList<ImageSection.Line> Images { get; }

    internal IReadOnlyList<HackingSection.Line> Hacking { get; }

    internal TextSection.Result Texts { get; }

    public string[] Files { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module08Tests(Module08Run run) : IClassFixture<Module08Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(11, run.Files.Length);
        LessonFiles.AreImages(run.Files);
    }

    [Fact]
    public void The_lesson_names_the_images_that_the_program_writes() => LessonFiles.AreNamed(run.Files, "Module08");

    [Fact]
    public void The_lesson_quotes_the_program() => LessonFiles.QuoteTheProgram("Module08");

    [Fact]
    public void Both_exact_methods_agree_and_slipping_costs()
    {
        Assert.All(run.Grid, line => Assert.True(line.Difference < 1e-9));
        Assert.Equal(run.Grid.Select(line => line.Optimal).OrderDescending(), run.Grid.Select(line => line.Optimal));
        Assert.All(run.Grid, line => Assert.True(line.Random < line.Optimal));
        // Along the pits: eight steps at −0.02 and a last one for 1, discounted.
        double expected = Math.Pow(0.95, 8) - 0.02 * (1 - Math.Pow(0.95, 8)) / 0.05;
        Assert.Equal(expected, run.Grid[0].Optimal, 1e-9);
    }

    [Fact]
    public void No_learner_is_better_than_the_optimum_and_all_are_better_than_chance() => Assert.All(
        run.PolicyGradient.Lines, line => Assert.InRange(line.Value, run.PolicyGradient.Random, run.PolicyGradient.Optimal + 1e-9));

    [Fact]
    public void Regret_is_that_of_the_arms() => Assert.All(run.Bandits, line => Assert.InRange(line.Regret, 0, 0.3 * 500));

    [Fact]
    public void The_best_of_several_has_more_reward() => Assert.True(run.Images[1].Reward > run.Images[0].Reward);

    [Fact]
    public void Policies_of_texts_are_measured_beside_the_best_of_n()
    {
        Assert.Equal(6, run.Texts.Lines.Count);
        Assert.All(run.Texts.Lines, line => Assert.InRange(line.Positive, 0, 1));
        Assert.All(run.Texts.Lines, line => Assert.True(double.IsFinite(line.Reward) && double.IsFinite(line.Kl)));
        Assert.Equal(0, run.Texts.BestOfN[0].Kl);
        Assert.Equal(Math.Log(32) - 31 / 32.0, run.Texts.BestOfN[^1].Kl, 12);
        Assert.Equal(["best of 32", "GRPO", "PPO", "DPO"], run.Texts.AtEqualKl.Select(method => method.Name));
        Assert.Equal(run.Texts.BestOfN[^1].Reward, run.Texts.AtEqualKl[0].Reward);
        Assert.All(run.Texts.AtEqualKl, method => Assert.True(method.Reward is not { } reward || double.IsFinite(reward)));
        double[] rewards = [.. run.Texts.BestOfN.Select(best => best.Reward)];
        Assert.Equal(rewards.Order(), rewards);
    }

    [Fact]
    public void Weights_of_the_divergence_are_reported() => Assert.Equal(3, run.Hacking.Count);
}
