using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Checkpoints;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string[] Files(string pattern = "*.checkpoint") =>
        [.. Directory.GetFiles(_folder.Path, pattern).Select(Path.GetFileName).Order()!];

    private ToyOptions Options(int keep = 3) => new()
    {
        BatchSize = 16,
        Epochs = 3,
        EmaDecay = 0.9,
        Checkpoints = new CheckpointOptions(_folder.Path) { Steps = 2, Keep = keep },
    };

    [Fact]
    public void The_last_checkpoints_are_kept_and_the_final_one()
    {
        using Regression regression = new Regression(Options()).Train();
        Assert.Equal(
            ["regression-000000000008.checkpoint", "regression-000000000010.checkpoint", "regression-000000000012.checkpoint"], Files());
        Assert.Empty(Files("*.tmp"));
    }

    [Fact]
    public void A_checkpoint_is_written_when_its_time_has_come()
    {
        ToyOptions options = Options();
        options.Checkpoints = new CheckpointOptions(_folder.Path) { Interval = TimeSpan.FromTicks(1), Keep = 100 };
        using Regression regression = new Regression(options).Train();
        Assert.Equal(12, Files().Length);
    }

    [Fact]
    public void By_default_a_short_training_writes_its_end_only()
    {
        ToyOptions options = Options();
        options.Checkpoints = new CheckpointOptions(_folder.Path);
        using Regression regression = new Regression(options).Train();
        Assert.Single(Files());
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("flipped")]
    [InlineData("empty")]
    [InlineData("text")]
    public void A_damaged_checkpoint_is_set_aside_with_a_warning_and_the_one_before_is_used(string damage)
    {
        float[] expected;
        using (Regression whole = new Regression(Options()).Train())
            expected = whole.Weights;

        string newest = _folder.File("regression-000000000012.checkpoint");
        byte[] bytes = File.ReadAllBytes(newest);
        switch (damage)
        {
            case "cut":
                bytes = bytes[..^100];
                break;
            case "flipped":
                bytes[bytes.Length / 2] ^= 4;
                break;
            case "empty":
                bytes = [];
                break;
            default:
                bytes = "not a checkpoint"u8.ToArray();
                break;
        }

        File.WriteAllBytes(newest, bytes);
        var ml = new MLContext();
        List<string> warnings = Logs.Of(ml);
        using Regression resumed = new Regression(Options()).Train(ml: ml);

        Assert.Equal(expected, resumed.Weights);
        Assert.Contains(
            warnings, w => w.Contains("regression-000000000012.checkpoint' is corrupt and was quarantined", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.Contains("resumes after step 10", StringComparison.Ordinal));
        Assert.Single(Files("*.damaged"));
    }

    [Fact]
    public void Every_flipped_byte_of_a_checkpoint_is_found()
    {
        using Regression regression = new Regression(Options(keep: 1)).Train();
        string path = _folder.File(Files().Single());
        byte[] sound = File.ReadAllBytes(path);
        CheckpointState expected = CheckpointFile.ReadState(path);
        int refused = 0;
        for (int i = 0; i < sound.Length; i += 3)
        {
            byte[] bytes = [.. sound];
            bytes[i] ^= 0x10;
            File.WriteAllBytes(path, bytes);
            try
            {
                // Some bytes, such as times in the zip's directory, mean nothing.
                Assert.Equal(System.Text.Json.JsonSerializer.Serialize(expected), System.Text.Json.JsonSerializer.Serialize(
                    CheckpointFile.ReadState(path)));
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException or ArgumentException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, sound.Length / 3 * 8 / 10, sound.Length);
    }

    [Fact]
    public void Checkpoints_of_a_newer_version_are_refused_and_kept()
    {
        using (Regression regression = new Regression(Options(keep: 1)).Train())
        {
            string path = _folder.File(Files().Single());
            CheckpointState state = CheckpointFile.ReadState(path);
            CheckpointFile.Write(path, state with { Format = CheckpointState.CurrentFormat + 1 }, []);
        }

        using var later = new Regression(Options());
        var error = Assert.Throws<NotSupportedException>(() => later.Train());
        Assert.Contains("The checkpoint was written by a newer version", error.Message);
        Assert.Single(Files());
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_written_is_a_warning_and_not_the_end()
    {
        var ml = new MLContext();
        List<string> messages = Logs.Of(ml);
        ToyOptions options = Options();
        options.Checkpoints = new CheckpointOptions(_folder.File("gone")) { Steps = 2 };
        options.Progress = new Reports { OnReport = _ => DeleteFolder() };
        void DeleteFolder()
        {
            if (Directory.Exists(_folder.File("gone")))
                Directory.Delete(_folder.File("gone"), recursive: true);
        }

        using Regression regression = new Regression(options).Train(ml: ml);
        Assert.Equal(12, regression.Network.Steps);
        Assert.Contains(messages, m => m.Contains("The checkpoint of step 4 could not be written", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_trainings_cannot_share_a_folder()
    {
        using var folder = new CheckpointFolder(new CheckpointOptions(_folder.Path));
        using var regression = new Regression(Options());
        var error = Assert.Throws<IOException>(() => regression.Train());
        Assert.Contains("folder of its own", error.Message);
        Assert.Contains(_folder.Path, error.Message);
    }

    [Fact]
    public void What_a_killed_process_left_half_written_is_removed()
    {
        File.WriteAllText(_folder.File(".regression-000000000004.checkpoint.abcdefgh.xyz.tmp"), "half");
        using Regression regression = new Regression(Options()).Train();
        Assert.Equal(3, Files().Length);
        Assert.Empty(Directory.GetFiles(_folder.Path, ".*.tmp"));
    }

    [Fact]
    public void A_training_without_a_seed_goes_on_with_the_seed_that_it_drew()
    {
        using var source = new CancellationTokenSource();
        ToyOptions options = Options();
        options.CancellationToken = source.Token;
        options.Progress = new Reports { OnReport = r => CancelAt(r.Step) };
        void CancelAt(long step)
        {
            if (step == 5)
                source.Cancel();
        }

        TrainingRun Open(ToyOptions o)
        {
            var ml = new MLContext();
            return TrainingRun.Open(ml, Hosts.Create(ml), o);
        }

        long seed;
        using var regression = new Regression(options);
        using (TrainingRun run = Open(options))
        {
            seed = run.Seed;
            Assert.ThrowsAny<OperationCanceledException>(() => new TrainingLoop(run, [regression.Phase], null).Run());
        }

        Assert.Equal("regression-000000000005.checkpoint", Files()[^1]);
        using TrainingRun again = Open(Options());
        Assert.Equal(seed, again.Seed);
    }

    [Fact]
    public void Several_networks_sources_and_buffers_resume()
    {
        (float[] Weights, float[] Statistics, int Drawn) Train(string folder, int? cancelAt)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using var source = new CancellationTokenSource();
            var options = new ToyOptions
            {
                MaxSteps = 11,
                GradientAccumulationSteps = 2,
                Optimizer = OptimizerKind.AdamW,
                CancellationToken = source.Token,
                Checkpoints = new CheckpointOptions(_folder.File(folder)),
            };
            TorchSharp.Modules.Sequential first = TorchSeed.Initialize(1, () => torch.nn.Sequential(
                torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1)));
            TorchSharp.Modules.Linear second = TorchSeed.Initialize(2, () => torch.nn.Linear(2, 1));
            using var a = new TrainedNetwork("a", first, options);
            using var b = new TrainedNetwork("b", second, options);
            var own = new NoiseBatches(4, 2, 3);
            Losses LossOf(StepContext step, torch.Tensor loss)
            {
                if (step.Step == cancelAt)
                    source.Cancel();
                return new Losses(loss);
            }

            TrainingPhase[] phases =
            [
                new(a, new NoiseBatches(6, 3, 5), (step, batch) =>
                    LossOf(step, (first.call(batch[0]) - torch.randn([6, 1], generator: step.Generator)).square().mean())),
                new(b, own, (step, batch) => LossOf(step, (second.call(batch[0]) - torch.rand(4, 1)).square().mean())) { Repeats = 3 },
            ];
            if (cancelAt is null)
                Toys.Loop(options, phases).Run();
            else
                Assert.ThrowsAny<OperationCanceledException>(() => Toys.Loop(options, phases).Run());
            return (
                [.. Toys.Numbers(first), .. Toys.Numbers(second)],
                [.. first.named_buffers().SelectMany(n => n.buffer.to(torch.float32).cpu().data<float>().ToArray())], own.Drawn);
        }

        var expected = Train("whole", null);
        for (int step = 1; step < 11; step++)
        {
            int before = Train($"cut{step}", step).Drawn;
            var resumed = Train($"cut{step}", null);
            Assert.Equal(expected.Weights, resumed.Weights);
            Assert.Equal(expected.Statistics, resumed.Statistics);
            Assert.Equal(expected.Drawn, before + resumed.Drawn);
        }
    }

    [Fact]
    public void Frozen_weights_are_not_in_a_checkpoint_which_knows_their_hash_and_refuses_others()
    {
        float[] Train(ToyOptions options, float frozenBias)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            TorchSharp.Modules.Sequential model = TorchSeed.Initialize(
                1, () => torch.nn.Sequential(torch.nn.Linear(2, 100), torch.nn.Linear(100, 1)));
            TorchSharp.Modules.Parameter[] frozen = [.. model.parameters().Take(2)];
            using (torch.no_grad())
                frozen[1].fill_(frozenBias);
            foreach (TorchSharp.Modules.Parameter parameter in frozen)
                parameter.requires_grad = false;
            using var network = new TrainedNetwork("toy", model, options);
            Toys.Loop(options, [new TrainingPhase(
                network, new NoiseBatches(4, 2, 6), (_, batch) => new Losses((model.call(batch[0]) - 1).square().mean()))]).Run();
            return Toys.Numbers(model);
        }

        ToyOptions options = Options(keep: 1);
        float[] expected = Train(options, 0.5f);
        string path = _folder.File(Files().Single());
        CheckpointState state = CheckpointFile.ReadState(path);
        Assert.Equal(64, Assert.Single(state.FrozenWeights!)!.Length);
        // 101 trained parameters, their two moments and average.
        Assert.InRange(new FileInfo(path).Length, 4 * 101 * 4, 4 * 101 * 4 + 3000);

        Assert.Equal(expected, Train(options, 0.5f));
        var error = Assert.Throws<InvalidOperationException>(() => Train(options, 0.25f));
        Assert.Contains("frozen weights of 'toy'", error.Message);
        Assert.Contains(state.FrozenWeights![0]!, error.Message);
        Assert.Contains(path, error.Message);
    }

    [Fact]
    public void The_error_of_a_diverged_training_names_the_last_checkpoint()
    {
        using var regression = new Regression(Options());
        int calls = 0;
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) => ++calls < 6 ? regression.Phase.Losses(step, batch) : new Losses(torch.tensor(float.NaN)),
        };
        var error = Assert.Throws<InvalidOperationException>(() => Toys.Loop(regression.Options, [phase]).Run());
        Assert.Contains("regression-000000000004.checkpoint", error.Message);
    }

    [Theory]
    [InlineData(0, 1, "Checkpoints.Steps is 0")]
    [InlineData(1, 0, "Checkpoints.Keep is 0")]
    public void Wrong_options_are_named(long steps, int keep, string message)
    {
        var options = new ToyOptions { Checkpoints = new CheckpointOptions(_folder.Path) { Steps = steps, Keep = keep } };
        Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(options.Validate).Message);
        options.Checkpoints = new CheckpointOptions(_folder.Path) { Interval = TimeSpan.Zero };
        Assert.Contains("Checkpoints.Interval is 0", Assert.Throws<ArgumentOutOfRangeException>(options.Validate).Message);
        Assert.Throws<ArgumentException>(() => new CheckpointOptions(" "));
    }
}
