using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class CrossValidationTests
{
    [Fact]
    public void Each_fold_has_checkpoints_of_its_own_which_a_second_run_finds()
    {
        using var folder = new TemporaryFolder();
        double[] CrossValidate(out int reports)
        {
            MLContext ml = new(seed: 1);
            var progress = new Reports();
            var pipeline = ml.Transforms.CopyColumns("Copy", "Pixels").Append(
                ml.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
                {
                    LabelColumnName = "Side",
                    InputColumnName = "Pixels",
                    BaseChannels = 4,
                    Stages = 2,
                    MaxSteps = 3,
                    BatchSize = 4,
                    Seed = 1,
                    Threads = 1,
                    Progress = progress,
                    Checkpoints = new CheckpointOptions(folder.File("checkpoints")),
                }));
            var results = ml.MulticlassClassification.CrossValidate(
                LabeledImages.WithTextKeys(ml, 24), pipeline, numberOfFolds: 3, labelColumnName: "Side");
            reports = progress.All.Count;
            return [.. results.Select(fold => fold.Metrics.LogLoss)];
        }

        double[] first = CrossValidate(out int steps);
        Assert.True(steps > 0);
        foreach (string of in (string[])["", "fit-2", "fit-3"])
            Assert.NotEmpty(Directory.GetFiles(folder.File(Path.Combine("checkpoints", of)), "*.checkpoint"));
        Assert.False(Directory.Exists(folder.File("checkpoints/fit-4")));

        // All folds had finished.
        Assert.Equal(first, CrossValidate(out steps));
        Assert.Equal(0, steps);
    }
}
