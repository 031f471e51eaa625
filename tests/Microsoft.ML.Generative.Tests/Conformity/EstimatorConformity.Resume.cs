using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What every estimator promises of trainings that are interrupted.</summary>
public abstract partial class EstimatorConformity<TTransformer>
{
    [Fact]
    public void Resumed_training_equals_uninterrupted_training()
    {
        using var folders = new TemporaryFolder();
        (_, List<object?[]> expected, Reports whole, Dictionary<string, byte[]> finalState) = Finished;
        Assert.True(whole.All.Count > 1);

        for (int interruption = 1; interruption < whole.All.Count; interruption++)
        {
            string folder = folders.File($"cut-{interruption}");
            using var source = new CancellationTokenSource();
            int left = interruption;
            var before = new Reports
            {
                OnReport = _ =>
                {
                    if (--left == 0)
                        source.Cancel();
                },
            };
            Assert.ThrowsAny<OperationCanceledException>(() => Train(folder, before, cancellation: source.Token));
            var after = new Reports();
            Rows.AssertEqual(expected, Train(folder, after), tolerance: 0);

            Assert.Equal(whole.All.Select(Essence), before.All.Concat(after.All).Select(Essence));
            Dictionary<string, byte[]> state = LastState(folder);
            Assert.Equal(finalState.Keys.Order(), state.Keys.Order());
            Assert.All(finalState, tensor => Assert.Equal(tensor.Value, state[tensor.Key]));
        }

        Assert.Contains(finalState.Keys, name => name.EndsWith(".average", StringComparison.Ordinal));
        Assert.Contains(finalState.Keys, name => name.EndsWith(".moment2", StringComparison.Ordinal));

        // What is measured by the clock differs.
        static string Essence(TrainingProgress p) =>
            $"{p.Step}/{p.TotalSteps} {p.Epoch} {p.Loss:R} {string.Join(' ', p.LossTerms.Select(t => $"{t.Key} {t.Value:R}"))} "
                + $"{p.ValidationLoss:R} {p.LearningRate:R} {p.GradientNorm:R}";
    }

    [Fact]
    public void A_finished_training_returns_its_model_again()
    {
        var again = new Reports();
        Rows.AssertEqual(Finished.Rows, Train(Finished.Folder, again), tolerance: 0);
        Assert.Empty(again.All);
    }

    [Fact]
    public void Resuming_with_another_option_is_refused_naming_it()
    {
        var error = Assert.Throws<InvalidOperationException>(() =>
            Train(Finished.Folder, new Reports(), change: o => o.LearningRate *= 2));
        Assert.Contains("LearningRate was ", error.Message);
        Assert.Contains(Finished.Folder, error.Message);
        error = Assert.Throws<InvalidOperationException>(() => Train(Finished.Folder, new Reports(), change: o => o.Seed = 77));
        Assert.Contains("Seed was 3 and is 77", error.Message);
    }

    [Fact]
    public void Resuming_with_other_data_is_refused_naming_the_difference()
    {
        var error = Assert.Throws<InvalidOperationException>(() => Train(Finished.Folder, new Reports(), rows: 8));
        Assert.Contains("the data was '", error.Message);
        Assert.Contains("8 rows", error.Message);
    }

    private List<object?[]> Train(
        string folder, Reports reports, Action<TrainingOptions>? change = null, int? rows = null, CancellationToken cancellation = default)
    {
        MLContext ml = new();
        IDataView data = CreateData(ml);
        IEstimator<TTransformer> estimator = CreateEstimator(ml, options =>
        {
            options.Seed = 3;
            options.EmaDecay = 0.9;
            options.GradientClipNorm = 1;
            options.ValidationData = ml.Data.TakeRows(data, 5);
            options.Progress = reports;
            options.CancellationToken = cancellation;
            options.Checkpoints = new CheckpointOptions(folder) { Steps = 4 };
            change?.Invoke(options);
        });
        using TTransformer model = estimator.Fit(rows is { } count ? ml.Data.TakeRows(data, count) : data);
        return Rows.Read(model.Transform(data));
    }

    // The tensors of the newest checkpoint of each stage.
    private static Dictionary<string, byte[]> LastState(string folder)
    {
        var state = new Dictionary<string, byte[]>();
        foreach (IGrouping<string, string> stage in Directory.GetFiles(folder, "*.checkpoint").GroupBy(f => f[..f.LastIndexOf('-')]))
        {
            using System.IO.Compression.ZipArchive archive = System.IO.Compression.ZipFile.OpenRead(
                stage.Order(StringComparer.Ordinal).Last());
            string copy = Path.Combine(folder, "copy.safetensors");
            using (Stream entry = archive.GetEntry("tensors.safetensors")!.Open())
            using (FileStream file = File.Create(copy))
                entry.CopyTo(file);
            using SafetensorsFile tensors = SafetensorsFile.Open(copy);
            foreach (string name in tensors.Names)
            {
                using torch.Tensor tensor = tensors.Read(name);
                state.Add(name, tensor.bytes.ToArray());
            }
        }

        return state;
    }
}
