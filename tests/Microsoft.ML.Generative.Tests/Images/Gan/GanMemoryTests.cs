using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class GanMemoryTests
{
    private static GanOptions Options => new()
    {
        InputColumnName = "Features",
        LatentSize = 2,
        HiddenSizes = [8],
        MaxSteps = 4,
        R1Weight = 0.1,
        BatchSize = 16,
        Threads = 1,
        Seed = 1,
    };

    [Fact]
    public void No_tensor_is_left_behind_by_transforming_drawing_and_projecting()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = ml.Data.LoadFromEnumerable(GanRows.Ring(40));
        using GanTransformer model = ml.Transforms.Generative().Gan(Options).Fit(rows);
        Assert.Equal(0, TensorCounts.Growth(() =>
        {
            _ = model.Transform(rows).GetColumn<float[]>("Generated").Count();
            _ = model.Generate(20).GetColumn<float[]>("Generated").Count();
            float[] z = model.Project([0.5f, 0.5f], new() { Steps = 3 });
            _ = model.Interpolate(z, model.SampleLatent(1), 4).GetColumn<float[]>("Generated").Count();
            _ = model.Decode(z);
        }, times: 10));
    }

    // What is left does not depend on the steps: nothing of a step is.
    [Fact]
    public void No_tensor_is_left_behind_by_a_step_of_any_game()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = ml.Data.LoadFromEnumerable(GanRows.Ring(40));
        foreach (GanObjective objective in Enum.GetValues<GanObjective>())
        {
            long Left(int steps) => TensorCounts.Growth(() =>
            {
                GanOptions options = Options;
                (options.Objective, options.MaxSteps) = (objective, steps);
                if (options.IsWasserstein)
                    options.R1Weight = 0;
                ml.Transforms.Generative().Gan(options).Fit(rows).Dispose();
            }, times: 3);

            Assert.Equal(Left(2), Left(12));
        }
    }
}
