using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Reporting;
using SkiaSharp;
using Tensorboard;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TensorBoardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TensorBoardTests() => TorchRuntime.EnsureLoaded();

    private string Run => Path.Combine(_folder.Path, "regression");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_checksum_of_the_parser_is_that_of_the_standard() => Assert.Equal(0xE3069283, EventFileReader.Crc("123456789"u8));

    [Fact]
    public void Each_report_becomes_numbers_of_its_step()
    {
        var reports = new Reports();
        double before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        using var regression = new Regression(Options(o =>
        {
            o.Progress = reports;
            o.GradientClipNorm = 1;
        }));
        regression.Train(validation: new RowBatches([regression.X, regression.Y], 16));

        List<Event> events = EventFileReader.Read(Run);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.All(events, e => Assert.InRange(e.WallTime, before - 1, before + 600));
        (string Name, Func<TrainingProgress, double?> Value)[] numbers =
        [
            ("loss/training", r => r.RecentLoss), ("loss/validation", r => r.ValidationLoss),
            ("loss_terms/squared", r => r.RecentLossTerms["squared"]), ("loss_terms/bias", r => r.RecentLossTerms["bias"]),
            ("training/learning_rate", r => r.LearningRate), ("training/gradient_norm", r => r.GradientNorm),
            ("training/rows_per_second", r => r.SamplesPerSecond),
        ];
        foreach (var (name, value) in numbers)
            Assert.Equal(reports.All.Where(r => value(r) is not null).Select(r => (r.Step, (float)value(r)!.Value)), events.Scalars(name));
        Assert.Equal(3, events.Scalars("loss/validation").Length);
    }

    [Fact]
    public void The_training_is_the_same_with_and_without()
    {
        using var with = new Regression(Options(_ => { }), dropout: 0.3).Train();
        using var without = new Regression(Options(o => o.TensorBoardDirectory = null), dropout: 0.3).Train();
        Assert.Equal(without.Weights, with.Weights);
    }

    [Fact]
    public void A_resumed_training_goes_on_at_its_step_and_takes_back_what_was_interrupted()
    {
        void Configure(TrainingOptions o) => o.Checkpoints = new CheckpointOptions(_folder.File("checkpoints")) { Steps = 5 };
        using var stop = new CancellationTokenSource();
        using var interrupted = new Regression(Options(o =>
        {
            Configure(o);
            o.CancellationToken = stop.Token;
            o.Progress = new Reports { OnReport = r => { if (r.Step == 7) stop.Cancel(); } };
        }));
        Assert.ThrowsAny<OperationCanceledException>(() => interrupted.Train());
        using var resumed = new Regression(Options(Configure)).Train();

        string[] files = [.. Directory.GetFiles(Run).Order(StringComparer.Ordinal)];
        Assert.Equal(2, files.Length);
        List<Event> second = files.Select(EventFileReader.ReadFile).Single(f => f.Any(e => e.SessionLog is not null));
        Event restart = second.Single(e => e.SessionLog is not null);
        Assert.Equal(SessionLog.Types.SessionStatus.Start, restart.SessionLog.Status);
        Assert.Equal(8, restart.Step);
        Assert.Equal(8, second.Scalars("loss/training")[0].Step);
        Assert.Equal(
            Enumerable.Range(1, 12).Select(i => (long)i), EventFileReader.Read(Run).Scalars("loss/training").Select(s => s.Step).Order());
    }

    [Fact]
    public void The_file_is_whole_and_closed_after_a_training_that_diverged()
    {
        using var regression = new Regression(Options(o =>
        {
            o.Optimizer = OptimizerKind.Sgd;
            o.LearningRate = 1e12;
        }));
        Assert.Throws<InvalidOperationException>(() => regression.Train());
        using (new FileStream(Directory.GetFiles(Run).Single(), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
        }

        Assert.NotEmpty(EventFileReader.Read(Run).Scalars("loss/training"));
    }

    [Fact]
    public void A_folder_that_cannot_be_is_refused_before_the_training()
    {
        File.WriteAllText(_folder.File("file"), "");
        using var regression = new Regression(Options(o => o.TensorBoardDirectory = _folder.File("file")));
        Assert.Contains("TensorBoardDirectory", Assert.Throws<IOException>(() => regression.Train()).Message);
        Assert.Equal(0, regression.Batches.Drawn);
        Assert.Contains("TensorBoardDirectory", Assert.ThrowsAny<ArgumentException>(() =>
            new ToyOptions { TensorBoardDirectory = "" }.Validate()).Message);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_a_warning_and_the_training_goes_on()
    {
        File.WriteAllText(Run, "in the way");
        var ml = new MLContext();
        List<string> warnings = [];
        ml.Log += (_, e) =>
        {
            if (e.Message.Contains("TensorBoard", StringComparison.Ordinal))
                warnings.Add(e.Message);
        };
        using var with = new Regression(Options(_ => { })).Train(ml: ml);
        using var without = new Regression(Options(o => o.TensorBoardDirectory = null)).Train();
        Assert.Single(warnings);
        Assert.Equal(without.Weights, with.Weights);
    }

    [Fact]
    public void An_image_model_shows_samples_and_reconstructions_after_each_epoch_and_is_the_same_without()
    {
        VaeTransformer Fit(string? directory) => new MLContext(seed: 1) is var ml ? ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 2,
            HiddenSizes = [8],
            Epochs = 2,
            BatchSize = 8,
            EmaDecay = 0.9,
            TensorBoardDirectory = directory,
        }).Fit(TinyImages.AsImages(ml, 20)) : null!;

        using VaeTransformer with = Fit(_folder.Path);
        using VaeTransformer without = Fit(null);
        Assert.Equal(SavedVae.Rows(without), SavedVae.Rows(with));

        List<Event> events = EventFileReader.Read(_folder.File("vae"));
        foreach ((string name, int columns, int rows) in new[] { ("images/samples", 8, 8), ("images/reconstructions", 8, 2) })
        {
            var images = events.Images(name);
            Assert.Equal([3, 6], images.Select(i => i.Step));
            using SKBitmap image = SKBitmap.Decode(images[1].Image.EncodedImageString.ToByteArray());
            // Enlarged to at most 64 pixels.
            const int scale = 64 / TinyImages.Width;
            Assert.Equal(
                (columns * (scale * TinyImages.Width + 1) - 1, rows * (scale * TinyImages.Height + 1) - 1), (image.Width, image.Height));
            Assert.Equal((image.Width, image.Height), (images[1].Image.Width, images[1].Image.Height));
            Assert.NotEqual(images[0].Image.EncodedImageString, images[1].Image.EncodedImageString);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_sheet_has_each_pixel_in_its_place(int channels)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor images = torch.arange(3 * channels * 4, torch.float32).view(3, channels, 2, 2).div(100).requires_grad_(true);
        ImageSheet sheet = ImageSheet.Of(images, columns: 2);
        Assert.Equal((5, 5, channels), (sheet.Width, sheet.Height, sheet.Channels));

        using SKBitmap png = SKBitmap.Decode(sheet.Png, new SKImageInfo(5, 5, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (int i = 0; i < 3; i++)
        {
            for (int y = 0; y < 2; y++)
            {
                for (int x = 0; x < 2; x++)
                {
                    SKColor found = png.GetPixel(i % 2 * 3 + x, i / 2 * 3 + y);
                    byte[] values = [found.Red, found.Green, found.Blue, found.Alpha];
                    for (int c = 0; c < channels; c++)
                    {
                        double expected = Math.Round(((i * channels + c) * 4 + y * 2 + x) / 100.0 * 255);

                        // Colors under low alpha are kept in fewer bits by decoders.
                        Assert.InRange(values[c], expected - (channels == 4 ? 8 : 1), expected + (channels == 4 ? 8 : 1));
                    }
                }
            }
        }

        if (channels != 4)
            Assert.Equal(SKColors.White, png.GetPixel(2, 0));
    }

    [Fact]
    public void Values_that_are_no_colors_are_clamped()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using SKBitmap png = SKBitmap.Decode(
            ImageSheet.Of(torch.tensor(new[] { -1f, 2, float.NaN, float.PositiveInfinity }).view(1, 1, 2, 2), 1).Png);
        Assert.Equal([0, 255, 0, 255], new[] { png.GetPixel(0, 0), png.GetPixel(1, 0), png.GetPixel(0, 1), png.GetPixel(1, 1) }.Select(c =>
            (int)c.Red));
    }

    private ToyOptions Options(Action<ToyOptions> configure)
    {
        var options = new ToyOptions { Epochs = 3, BatchSize = 16, TensorBoardDirectory = _folder.Path };
        configure(options);
        return options;
    }
}
