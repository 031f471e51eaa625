using System.Text.RegularExpressions;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Model files and checkpoints of earlier versions keep their meaning. They are in the folder Baselines, with what they computed when they
/// were written; <see cref="BaselineWriter"/> made them.
/// </summary>
public sealed class BaselineFileTests
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "Baselines");

    private static string[] ModelNames =>
        [.. Directory.GetFiles(_folder, "*-format-*.json").Select(path => Path.GetFileName(path)[..^".json".Length]).Order()];

    private static string[] TrainingNames =>
        [.. Directory.GetDirectories(_folder, "*-checkpoint-format-*").Select(path => Path.GetFileName(path)).Order()];

    public static TheoryData<string> Models => [.. ModelNames];

    public static TheoryData<string> Trainings => [.. TrainingNames];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_computes_what_it_computed(string name)
    {
        BaselineOutputs expected = BaselineOutputs.Read(Path.Combine(_folder, name + ".json"));
        using var folder = new TemporaryFolder();
        string copy = folder.File("elsewhere.zip"), again = folder.File("again.zip");
        File.Copy(Path.Combine(_folder, name + ".zip"), copy);

        MLContext ml = new(seed: 1);
        ITransformer model = ml.Model.Load(copy, out DataViewSchema schema);
        using (model as IDisposable)
        {
            BaselineOutputs.AssertClose(expected, RecipeOf(name).Outputs(ml, model, schema), tolerance: 1e-4f);
            ml.Model.Save(model, schema, again);
        }

        // Written by this version, and read with the checks that files from untrusted sources need.
        ITransformer second = ml.Generative().LoadModel(again, out DataViewSchema? secondSchema);
        using (second as IDisposable)
            BaselineOutputs.AssertClose(expected, RecipeOf(name).Outputs(ml, second, secondSchema!), tolerance: 1e-4f);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_passes_the_checks_of_files_from_untrusted_sources(string name)
    {
        MLContext ml = new(seed: 1);
        ITransformer model = ml.Generative().LoadModel(Path.Combine(_folder, name + ".zip"), out DataViewSchema? schema);
        using (model as IDisposable)
            Assert.Equal(BaselineOutputs.Read(Path.Combine(_folder, name + ".json")).Texts["Schema"], BaselineRecipe.Describe(schema!));
    }

    [Theory]
    [MemberData(nameof(Trainings))]
    public void A_training_goes_on_from_its_checkpoint_and_ends_as_it_would_have(string name)
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(Path.Combine(_folder, name), "*.checkpoint"))
            File.Copy(file, folder.File(Path.GetFileName(file)));

        MLContext ml = new(seed: 1);
        var reports = new Reports();
        ITransformer model = RecipeOf(name).Fit(ml, o => (o.Progress, o.Checkpoints) = (reports, new CheckpointOptions(folder.Path)));
        using var disposing = (IDisposable)model;

        Assert.All(reports.All, report => Assert.True(report.Step > BaselineRecipe.InterruptedStep));
        Assert.Equal(reports.All[^1].TotalSteps, reports.All[^1].Step);
        Assert.Empty(Directory.GetFiles(folder.Path, "*.damaged"));
        // Sums of other processors are rounded in another way, and steps of Adam make more of that.
        BaselineOutputs expected = BaselineOutputs.Read(Path.Combine(_folder, name, "outputs.json"));
        BaselineOutputs.AssertClose(expected, RecipeOf(name).Outputs(ml, model), tolerance: 1e-3f);
    }

    [Fact]
    public void Every_recipe_has_its_files()
    {
        Assert.Subset(ModelNames.Select(RecipeName).ToHashSet(), BaselineRecipes.All.Keys.ToHashSet());
        IEnumerable<string> interrupted = BaselineRecipes.All.Where(r => r.Value.Stages is not null).Select(r => r.Key);
        Assert.Equal(interrupted.Order(), TrainingNames.Select(RecipeName).Distinct().Order());
    }

    // Whoever raises the format's version pins a file of it: GENERATIVE_BASELINES=<the folder> dotnet test --filter BaselineWriter.
    [Fact]
    public void Every_family_has_a_file_of_the_format_that_is_written_today()
    {
        string[] families =
        [
            "diffusion", "flow", "gan", "image-classifier", "language-model", "masked-language-model", "reward-model",
            "sentence-embedding", "sequence-to-sequence", "text-classification", "vae", "vq-vae",
        ];
        string[] current =
            [.. ModelNames.Where(name => name.EndsWith($"-format-{BaselineRecipe.CurrentFormat}", StringComparison.Ordinal))];
        Assert.All(families, family => Assert.Contains(current, name => name.StartsWith(family + "-", StringComparison.Ordinal)));
        Assert.Equal(BaselineRecipes.All.Where(r => r.Value.IsCurrent).Select(r => r.Key).Order(), current.Select(RecipeName).Order());
    }

    private static BaselineRecipe RecipeOf(string name) => BaselineRecipes.All[RecipeName(name)];

    private static string RecipeName(string name) => Regex.Replace(name, "(-checkpoint)?-format-[0-9.]+$", "");
}
