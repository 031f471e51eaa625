using Microsoft.ML.Generative.Training.Checkpoints;
using Xunit.Abstractions;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Writes the files of the baselines: <c>GENERATIVE_BASELINES=&lt;folder&gt; dotnet test --filter BaselineWriter</c>. Files that are in the
/// folder already stay as they are, since they are those of an earlier version.
/// </summary>
public sealed class BaselineWriter(ITestOutputHelper log)
{
    [BaselineFolderFact]
    public void Models() => Assert.All(BaselineRecipes.All.Where(named => named.Value.IsCurrent), named =>
    {
        (string name, BaselineRecipe recipe) = named;
        string file = $"{name}-format-{BaselineRecipe.CurrentFormat}";
        if (IsThere(file + ".zip"))
            return;
        MLContext ml = new(seed: 1);
        ITransformer model = recipe.Fit(ml, _ => { });
        using var disposing = (IDisposable)model;
        using var memory = new MemoryStream();
        ml.Model.Save(model, recipe.Data(ml).Schema, memory);
        memory.Position = 0;
        ITransformer loaded = ml.Model.Load(memory, out DataViewSchema schema);
        using var disposingLoaded = (IDisposable)loaded;
        byte[] outputs = recipe.Outputs(ml, model, schema).ToJson();
        Write(file + ".zip", memory.ToArray());
        Write(file + ".json", outputs);
    });

    [BaselineFolderFact]
    public void Checkpoints() => Assert.All(BaselineRecipes.All.Where(named => named.Value.Stages is not null), named =>
    {
        (string name, BaselineRecipe recipe) = named;
        string folder = $"{name}-checkpoint-format-{CheckpointState.CurrentFormat}";
        if (IsThere(folder))
            return;
        MLContext ml = new(seed: 1);
        using var trained = new TemporaryFolder();
        var checkpoints = new CheckpointOptions(trained.Path) { Steps = BaselineRecipe.InterruptedStep, Keep = 100 };
        ITransformer model = recipe.Fit(ml, o => o.Checkpoints = checkpoints);
        using var disposing = (IDisposable)model;
        byte[] outputs = recipe.Outputs(ml, model).ToJson();
        // Stages before the last had finished.
        foreach (string stage in recipe.Stages!)
        {
            string[] steps = [.. Directory.GetFiles(trained.Path, stage + "-*.checkpoint").Order(StringComparer.Ordinal)];
            string chosen = stage == recipe.Stages[^1] ? steps[0] : steps[^1];
            Write(Path.Combine(folder, Path.GetFileName(chosen)), File.ReadAllBytes(chosen));
        }

        Write(Path.Combine(folder, "outputs.json"), outputs);
    });

    private bool IsThere(string name)
    {
        string path = Path.Combine(BaselineFolderFactAttribute.Folder!, name);
        bool isThere = File.Exists(path) || Directory.Exists(path);
        if (isThere)
            log.WriteLine($"{name} is there already and stays as it is.");
        return isThere;
    }

    private void Write(string name, byte[] content)
    {
        string path = Path.Combine(BaselineFolderFactAttribute.Folder!, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var file = new FileStream(path, FileMode.CreateNew);
        file.Write(content);
        log.WriteLine($"{name}: {content.Length:N0} bytes");
    }
}

/// <summary>A test that only runs where the environment variable GENERATIVE_BASELINES names a folder to write to.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BaselineFolderFactAttribute : FactAttribute
{
    public BaselineFolderFactAttribute()
    {
        if (string.IsNullOrWhiteSpace(Folder))
            Skip = "writes files, into the folder that GENERATIVE_BASELINES names";
    }

    public static string? Folder => Environment.GetEnvironmentVariable("GENERATIVE_BASELINES");
}
