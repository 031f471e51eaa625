using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class VqVaeTests
{
    private static VqVaeOptions Options() => new()
    {
        CodebookSize = 32,
        HiddenChannels = 16,
        ResidualChannels = 8,
        ResidualBlocks = 1,
        Epochs = 16,
        PriorEpochs = 4,
        PriorLayers = 1,
        PriorEmbeddingSize = 32,
        BatchSize = 64,
        LearningRate = 4e-3,
        Seed = 1,
    };

    [Fact]
    public void Digits_are_reconstructed_from_a_few_codes_and_drawn_anew()
    {
        var ml = new MLContext(seed: 1);
        var reports = new Reports();
        VqVaeOptions options = Options();
        options.Progress = reports;
        using VqVaeTransformer model = ml.Transforms.Generative().VqVae(options).Fit(ml.Generative().Datasets.Digits(1_500, seed: 1));
        IDataView test = ml.Generative().Datasets.Digits(100, seed: 2);
        IDataView output = model.Transform(test);

        // An image's variance around the mean image is about 0.07; 7 × 7 codes of 5 bits tell most of it.
        Assert.InRange(output.GetColumn<float>("ReconstructionError").Average(), 0, 0.035);
        int[] codes = output.GetColumn<int[]>("Codes").First();
        Assert.Equal((49, 7, 7), (codes.Length, model.CodesHeight, model.CodesWidth));
        Assert.True(output.GetColumn<int[]>("Codes").SelectMany(c => c).Distinct().Count() > 8);

        float[] pixels = [.. test.GetColumn<byte[]>("Image").First().Select(p => p / 255f)];
        Assert.Equal(codes, model.Encode(pixels));
        float[] decoded = model.Decode(codes);
        Assert.All(output.GetColumn<float[]>("Reconstruction").First().Zip(decoded), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.Equal(decoded, model.DecodeCodes([codes]).GetColumn<float[]>("Generated").Single());

        float[][] drawn = [.. model.Generate(6, new() { Seed = 4 }).GetColumn<float[]>("Generated")];
        Assert.Equal(drawn[..3], model.Generate(3, new() { Seed = 4 }).GetColumn<float[]>("Generated"), (a, b) =>
            a.Zip(b).All(p => Math.Abs(p.First - p.Second) < 1e-4));
        Assert.NotEqual(drawn[0], drawn[1]);

        // What it draws is as likely for its own prior as what it was trained on; noise is not.
        Assert.Contains(reports.All, r => r.LossTerms.TryGetValue("perplexity", out double p) && p > 5);
        TrainingProgress prior = reports.All[^1];
        Assert.InRange(prior.Loss, 0, 0.8 * 49 * Math.Log(32));
    }

    [Fact]
    public void A_training_without_an_end_can_be_stopped_and_has_a_remaining_time()
    {
        var ml = new MLContext(seed: 1);
        using var stopping = new CancellationTokenSource();
        VqVaeOptions options = Options();
        var reports = new Reports { OnReport = _ => stopping.Cancel() };
        (options.MaxSteps, options.PriorMaxSteps, options.Epochs) = (long.MaxValue, long.MaxValue, int.MaxValue);
        (options.Progress, options.CancellationToken) = (reports, stopping.Token);
        Assert.ThrowsAny<OperationCanceledException>(
            () => ml.Transforms.Generative().VqVae(options).Fit(ml.Generative().Datasets.Digits(64, seed: 1)));
        Assert.All(reports.All, report => Assert.True(report.Remaining >= TimeSpan.Zero));
    }

    [Fact]
    public void A_training_that_has_finished_reads_its_data_once_to_know_it_again()
    {
        using var folder = new TemporaryFolder();
        var ml = new MLContext(seed: 1);
        // More than the budget, so that each use of the rows is another pass.
        var data = new CountedPasses(ml.Generative().Datasets.Digits(1_500, seed: 1));
        VqVaeOptions options = Options();
        (options.MaxSteps, options.PriorMaxSteps, options.MemoryBudget) = (1, 1, 1 << 20);
        options.Checkpoints = new CheckpointOptions(folder.Path);

        using VqVaeTransformer model = ml.Transforms.Generative().VqVae(options).Fit(data);
        // To be counted, for the variance, for the step, for the codes.
        Assert.Equal(4, data.Passes);
        using VqVaeTransformer again = ml.Transforms.Generative().VqVae(options).Fit(data);
        Assert.Equal(5, data.Passes);

        Assert.Equal(
            model.Decode([.. Enumerable.Range(0, 49).Select(i => i % 32)]), again.Decode([.. Enumerable.Range(0, 49).Select(i => i % 32)]));
        Assert.Equal(model.Generate(2, new() { Seed = 1 }).GetColumn<float[]>("Generated"), again.Generate(2, new() { Seed = 1 })
            .GetColumn<float[]>("Generated"));
    }

    [Fact]
    public void Codes_that_do_not_exist_and_options_out_of_range_are_refused()
    {
        var ml = new MLContext(seed: 1);
        VqVaeOptions options = Options();
        (options.Epochs, options.PriorEpochs) = (1, 1);
        using VqVaeTransformer model = ml.Transforms.Generative().VqVae(options).Fit(ml.Generative().Datasets.Digits(64, seed: 1));
        Assert.Contains("Code 32 was given; expected 0 to 31", Assert.ThrowsAny<ArgumentException>(() =>
            model.Decode([.. Enumerable.Repeat(32, 49)])).Message);
        Assert.Contains("3 codes were given; expected 7 × 7", Assert.ThrowsAny<ArgumentException>(() => model.Decode([1, 2, 3])).Message);
        Assert.ThrowsAny<ArgumentException>(() => model.Generate(1, new() { Temperature = -1 }));
        foreach ((string name, Action<VqVaeOptions> change) in ((string, Action<VqVaeOptions>)[])[
            ("CodebookSize", o => o.CodebookSize = 1), ("Downsamplings", o => o.Downsamplings = 0),
            ("PriorEmbeddingSize", o => o.PriorEmbeddingSize = 30), ("CodebookDecay", o => o.CodebookDecay = 1)])
        {
            VqVaeOptions wrong = Options();
            wrong.PriorHeads = 4;
            change(wrong);
            Assert.StartsWith(name, Assert.ThrowsAny<ArgumentException>(() => ml.Transforms.Generative().VqVae(wrong)).Message);
        }
    }
}
