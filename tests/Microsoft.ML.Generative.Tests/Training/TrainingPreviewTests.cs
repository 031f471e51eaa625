using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Reporting;
using SkiaSharp;
using Tensorboard;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TrainingPreviewTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TrainingPreviewTests() => TorchRuntime.EnsureLoaded();

    public void Dispose() => _folder.Dispose();

    private ToyOptions Options(long? interval = null) => new()
    {
        Epochs = 2,
        BatchSize = 16,
        SampleDirectory = _folder.File("samples"),
        SampleInterval = interval,
        TensorBoardDirectory = _folder.File("board"),
    };

    [Fact]
    public void Images_and_texts_are_written_to_files_the_log_and_TensorBoard_at_the_end_of_each_epoch()
    {
        var ml = new MLContext();
        List<string> lines = Logs.Of(ml);
        var preview = new Preview();
        using Regression regression = new Regression(Options()).Train(ml: ml, preview: preview);

        string[] files = [.. Directory.GetFiles(_folder.File("samples")).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
        Assert.Equal(["shade-000004.png", "shade-000008.png", "words-000004.txt", "words-000008.txt"], files);
        Assert.Equal("call 1\n# no title", File.ReadAllText(Path.Combine(_folder.File("samples"), "words-000004.txt")));
        using SKBitmap shade = SKBitmap.Decode(Path.Combine(_folder.File("samples"), "shade-000008.png"));
        // Enlarged to at most 64 pixels, which is 21 times.
        Assert.Equal((2 * 63 + 1, 63), (shade.Width, shade.Height));

        // After the report of the epoch.
        int report = lines.FindIndex(l => l.Contains("epoch 2, step 8/8", StringComparison.Ordinal));
        Assert.True(report >= 0 && lines.FindIndex(l => l.Contains("call 2\n# no title", StringComparison.Ordinal)) > report);

        List<Event> events = EventFileReader.Read(Path.Combine(_folder.File("board"), "regression"));
        Assert.Equal([4, 8], events.Images("images/shade").Select(i => i.Step));
        (long step, Summary.Types.Value text) = events.Where(e => e.Summary is not null)
            .SelectMany(e => e.Summary.Value.Where(v => v.Tag == "texts/words").Select(v => (e.Step, v))).First();
        Assert.Equal(4, step);
        Assert.Equal("text", text.Metadata.PluginData.PluginName);
        Assert.Equal(DataType.DtString, text.Tensor.Dtype);
        Assert.Equal(1, Assert.Single(text.Tensor.TensorShape.Dim).Size);
        Assert.Equal("    call 1\n    # no title", Assert.Single(text.Tensor.StringVal).ToStringUtf8());
    }

    [Fact]
    public void Steps_between_previews_can_be_chosen_and_the_last_step_has_one()
    {
        var preview = new Preview();
        using Regression regression = new Regression(Options(interval: 3)).Train(preview: preview);
        Assert.Equal(
            ["words-000003.txt", "words-000006.txt", "words-000008.txt"],
            Directory.GetFiles(_folder.File("samples"), "*.txt").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_preview_sees_the_average_in_evaluation_mode_and_changes_nothing()
    {
        ToyOptions options = Options();
        options.EmaDecay = 0.9;
        using var with = new Regression(options, dropout: 0.3);
        var seen = new List<(bool Training, bool Gradients, float Noise, float[] Weights)>();
        var preview = new Preview
        {
            OnMake = generator =>
            {
                using torch.Tensor noise = torch.rand(1, generator: generator);
                seen.Add((with.Model.training, torch.is_grad_enabled(), noise.item<float>() + torch.rand(1).item<float>(), with.Weights));
            },
        };
        with.Train(preview: preview);
        using Regression without = new Regression(new ToyOptions { Epochs = 2, BatchSize = 16, EmaDecay = 0.9 }, dropout: 0.3).Train();

        Assert.Equal(without.Weights, with.Weights);
        Assert.All(seen, s => Assert.Equal((false, false, seen[0].Noise), (s.Training, s.Gradients, s.Noise)));
        Assert.Equal(with.Weights, seen[^1].Weights);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_a_warning()
    {
        var ml = new MLContext();
        List<string> warnings = Logs.Of(ml);
        Directory.CreateDirectory(Path.Combine(_folder.File("samples"), "words-000004.txt"));
        using Regression regression = new Regression(Options()).Train(ml: ml, preview: new Preview());
        Assert.Equal(8, regression.Network.Steps);
        Assert.Contains(warnings, w => w.Contains("words-000004.txt' cannot be written", StringComparison.Ordinal));
    }

    [Fact]
    public void A_variational_autoencoder_writes_samples_and_reconstructions()
    {
        MLContext ml = new(seed: 1);
        using VaeTransformer model = ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 2,
            HiddenSizes = [4],
            MaxSteps = 2,
            SampleDirectory = _folder.Path,
            SampleInterval = 10,
        }).Fit(TinyImages.AsImages(ml, 6));
        Assert.Equal(["reconstructions-000002.png", "samples-000002.png"], Names());
    }

    // Not even root creates files there.
    [LinuxFact]
    public void A_folder_that_takes_no_files_is_named_before_the_training()
    {
        MLContext ml = new(seed: 1);
        Assert.StartsWith("SampleDirectory '/proc' cannot be used: ", Refused(o => o.SampleDirectory = "/proc"));
        Assert.StartsWith("TensorBoardDirectory '/proc' cannot be used: ", Refused(o => o.TensorBoardDirectory = "/proc"));
        Assert.StartsWith("Checkpoints.Directory '/proc' cannot be used: ", Refused(o => o.Checkpoints = new CheckpointOptions("/proc")));

        string Refused(Action<VaeOptions> configure)
        {
            var reports = new Reports();
            var options = new VaeOptions { LatentSize = 2, HiddenSizes = [4], MaxSteps = 2, Progress = reports };
            configure(options);
            var error = Assert.Throws<IOException>(() => ml.Transforms.Generative().Vae(options).Fit(TinyImages.AsImages(ml, 6)));
            Assert.Empty(reports.All);
            return error.Message;
        }
    }

    [Fact]
    public void Rows_that_are_no_images_cannot_be_written_as_images()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = ml.Data.LoadFromEnumerable(GanRows.Ring(8));
        var error = Assert.Throws<ArgumentException>(() => ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Features", Likelihood = VaeLikelihood.Gaussian, SampleDirectory = _folder.Path })
            .Fit(rows));
        Assert.Contains("SampleDirectory", error.Message);
        Assert.Contains("'Features'", error.Message);
    }

    [Fact]
    public void A_vector_quantized_autoencoder_writes_reconstructions_and_then_samples()
    {
        MLContext ml = new(seed: 1);
        VqVaeOptions options = TinyVqVae.Options();
        (options.InputColumnName, options.MaxSteps, options.PriorMaxSteps) = ("Image", 2, 3);
        (options.SampleDirectory, options.SampleInterval) = (_folder.Path, 10);
        using VqVaeTransformer model = ml.Transforms.Generative().VqVae(options).Fit(TinyImages.AsImages(ml, 6));
        Assert.Equal(["reconstructions-000002.png", "samples-000003.png"], Names());
    }

    private IEnumerable<string> Names() => Directory.GetFiles(_folder.Path).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal);

    private sealed class Preview : ITrainingPreview
    {
        private int _calls;

        public Action<torch.Generator>? OnMake { get; init; }

        public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
        {
            OnMake?.Invoke(generator);
            return [new ImagePreview("shade", torch.full([2, 1, 3, 3], 0.5f), 2), new TextPreview("words", $"call {++_calls}\n# no title")];
        }

        public void Dispose()
        {
        }
    }
}
