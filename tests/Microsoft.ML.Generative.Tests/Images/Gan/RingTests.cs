using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Eight Gaussians on a circle of radius 4, with deviation 0.3: a generator that loses some of them is seen to.</summary>
public class RingTests
{
    private const double Radius = 4;
    private const double Deviation = 0.3;
    private const int Drawn = 10_000;

    // Both games have the same networks, steps, batches and learning rate to begin with. Where this was written, seeds 1 to 3 gave 80, 73
    // and 43 % good rows and 5, 3 and 7 lost modes in the one, 95.8, 95.7 and 95.2 % and all modes in the other; with instructions that
    // round otherwise, the first seed gave 86 % and 3 lost modes in the one.
    private static GanOptions Plain => new()
    {
        InputColumnName = "Features",
        LatentSize = 2,
        HiddenSizes = [64, 64, 64],
        BatchSize = 512,
        MaxSteps = 4000,
        LearningRate = 6e-3,
        Beta1 = 0.9,
        EmaDecay = null,
        DiscriminatorNormalization = GanNormalization.None,
        Seed = 1,
        Threads = 1,
    };

    [Fact]
    public void The_plain_game_loses_modes()
    {
        (int[] modes, double good) = Play(Plain);
        Assert.True(modes.Any(m => !IsCovered(m)) && good < 0.9, $"{good:P1}: {string.Join(" ", modes)}");
    }

    [Fact]
    public void The_stabilized_game_draws_all_modes_and_little_else()
    {
        GanOptions options = Plain;
        (options.R1Weight, options.PenaltyInterval, options.EmaDecay, options.Beta1, options.LearningRateSchedule) = (
            0.05, 4, 0.995, 0.5, LearningRateSchedule.Cosine);
        (int[] modes, double good) = Play(options);
        Assert.All(modes, m => Assert.True(IsCovered(m), string.Join(" ", modes)));
        Assert.True(good >= 0.95, $"{good:P1} of {Drawn} rows are within three deviations of a mode: {string.Join(" ", modes)}");
    }

    // Half of its share.
    private static bool IsCovered(int rows) => rows >= Drawn / GanRows.Modes / 2;

    // Rows within three deviations of each mode, and their share of all (of the real ones it is 98.9 %).
    private static (int[] Modes, double Good) Play(GanOptions options)
    {
        var ml = new MLContext();
        using GanTransformer model = ml.Transforms.Generative().Gan(options).Fit(
            ml.Data.LoadFromEnumerable(GanRows.Ring(8192, Radius, Deviation)));
        int[] modes = new int[GanRows.Modes];
        foreach (float[] row in model.Generate(Drawn, new() { Seed = 5, BatchSize = Drawn }).GetColumn<float[]>("Generated"))
        {
            for (int mode = 0; mode < modes.Length; mode++)
            {
                var (x, y) = GanRows.Centre(mode);
                if (Math.Sqrt(Math.Pow(row[0] - Radius * x, 2) + Math.Pow(row[1] - Radius * y, 2)) <= 3 * Deviation)
                    modes[mode]++;
            }
        }

        return (modes, modes.Sum() / (double)Drawn);
    }
}
