using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Trainings in several processes, which are threads here.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class DistributedTrainingTests
{
    [Fact]
    public void All_processes_have_the_same_weights_to_the_bit_after_a_hundred_steps()
    {
        float[][] models = ThreadProcesses.Results(3, transport => Train(transport, o => o.MaxSteps = 100));
        Assert.All(models, m => Assert.Equal(models[0], m));
    }

    [Fact]
    public void Streamed_rows_are_seen_once_each()
    {
        // 1 MiB holds the least of them.
        Action<VaeOptions> configure = o => (o.MemoryBudget, o.Epochs, o.BatchSize, o.Optimizer) = (1 << 20, 2, 5000, OptimizerKind.Sgd);
        float[] one = Train(null, o =>
        {
            configure(o);
            o.GradientAccumulationSteps = 2;
        }, rows: 33_000);
        float[][] two = ThreadProcesses.Results(2, transport => Train(transport, configure, rows: 33_000));
        AssertNear(one, two[0], 1e-5);
        Assert.Equal(two[0], two[1]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_training_that_two_processes_began_is_resumed_by_any_number(int processes)
    {
        using var folder = new TemporaryFolder();
        Action<VaeOptions> configure = o => (o.Epochs, o.EmaDecay, o.Optimizer) = (3, 0.9, OptimizerKind.Sgd);
        float[] whole = ThreadProcesses.Results(2, transport => Train(transport, configure))[0];

        (float[]?, Exception? Error)[] interrupted = ThreadProcesses.Run(2, transport =>
        {
            using var source = new CancellationTokenSource();
            return Train(transport, o =>
            {
                configure(o);
                o.Checkpoints = new CheckpointOptions(folder.Path);
                o.CancellationToken = source.Token;
                o.Progress = new Reports
                {
                    OnReport = report =>
                    {
                        if (report.Step == 4)
                            source.Cancel();
                    },
                };
            });
        });
        Assert.All(interrupted, r => Assert.IsAssignableFrom<OperationCanceledException>(r.Error));

        void Resume(VaeOptions o)
        {
            configure(o);
            o.Checkpoints = new CheckpointOptions(folder.Path);
        }

        float[][] models = processes == 1
            ? [Train(null, Resume)]
            : ThreadProcesses.Results(processes, transport => Train(transport, Resume));
        AssertNear(whole, models[0], 1e-5);
        Assert.All(models, m => Assert.Equal(models[0], m));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Processes_that_share_the_optimizers_state_train_the_same_weights(int processes)
    {
        static void Configure(VaeOptions o) =>
            (o.MaxSteps, o.Optimizer, o.WeightDecay, o.GradientClipNorm, o.EmaDecay) = (30, OptimizerKind.AdamW, 0.1, 0.5, 0.9);
        float[] whole = ThreadProcesses.Results(processes, transport => Train(transport, Configure))[0];
        float[][] shared = ThreadProcesses.Results(processes, transport => Train(transport, Configure, shards: true));
        Assert.All(shared, m => Assert.Equal(whole, m));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_shared_state_of_the_optimizer_is_whole_in_a_checkpoint(int processes)
    {
        using var folder = new TemporaryFolder();
        Action<VaeOptions> configure = o => (o.Epochs, o.EmaDecay, o.Optimizer, o.Momentum) = (3, 0.9, OptimizerKind.Sgd, 0.8);
        float[] whole = ThreadProcesses.Results(2, transport => Train(transport, configure))[0];
        void Resume(VaeOptions o)
        {
            configure(o);
            o.Checkpoints = new CheckpointOptions(folder.Path) { Steps = 2 };
        }

        (float[]?, Exception? Error)[] interrupted = ThreadProcesses.Run(2, transport =>
        {
            using var source = new CancellationTokenSource();
            return Train(transport, o =>
            {
                Resume(o);
                o.CancellationToken = source.Token;
                o.Progress = new Reports
                {
                    OnReport = report =>
                    {
                        if (report.Step == 5)
                            source.Cancel();
                    },
                };
            }, shards: true);
        });
        Assert.All(interrupted, r => Assert.IsAssignableFrom<OperationCanceledException>(r.Error));
        float[][] models = processes == 1
            ? [Train(null, Resume)]
            : ThreadProcesses.Results(processes, transport => Train(transport, Resume, shards: true));
        AssertNear(whole, models[0], processes == 2 ? 0 : 1e-5);
    }

    [Fact]
    public void A_process_keeps_its_part_of_the_optimizers_state()
    {
        long[] bytes = ThreadProcesses.Results(3, transport =>
        {
            using var module = TorchSharp.torch.nn.Linear(100, 100);
            using var network = new TrainedNetwork(
                "n", module, new ToyOptions { Optimizer = OptimizerKind.AdamW },
                new ProcessGroup(transport, TimeSpan.FromSeconds(20)));
            return network.OptimizerBytes;
        });
        Assert.Equal(10_100 * 2 * sizeof(float), bytes.Sum());
        Assert.All(bytes, b => Assert.InRange(b, 10_100 * 2 * sizeof(float) / 3 - 512, 10_100 * 2 * sizeof(float) / 3 + 1024));
    }

    [Fact]
    public void A_canceled_training_that_keeps_its_best_model_has_one_model_in_all_processes()
    {
        float[][] models = ThreadProcesses.Results(2, transport =>
        {
            using var source = new CancellationTokenSource();
            return Train(transport, o =>
            {
                (o.Epochs, o.OnCancel, o.CancellationToken) = (1000, CancellationBehavior.KeepBest, source.Token);
                o.Progress = new Reports { OnReport = _ => source.Cancel() };
            });
        });
        Assert.Equal(models[0], models[1]);
    }

    [Fact]
    public void All_processes_stop_early_together()
    {
        var reports = new Reports();
        float[][] models = ThreadProcesses.Results(2, transport => Train(transport, o =>
        {
            (o.Epochs, o.EarlyStoppingPatience, o.LearningRate, o.Progress) = (200, 1, 0.5, reports);
            o.ValidationData = SmallVae.Data(new MLContext(), 20, seed: 7);
        }));
        Assert.Equal(models[0], models[1]);
        Assert.True(reports.All[^1].Step < reports.All[^1].TotalSteps);
    }

    [Fact]
    public void An_error_in_one_process_is_the_error_of_all()
    {
        (float[]?, Exception? Error)[] results = ThreadProcesses.Run(2, transport =>
            Train(transport, o => o.LearningRate = 0.01, broken: transport.Rank == 1 ? 17 : null));
        Assert.IsType<InvalidDataException>(results[1].Error);
        Assert.Equal($"Process 1 of 2 has failed: {results[1].Error!.Message}", results[0].Error!.Message);
    }

    [Fact]
    public void Options_seeds_and_data_that_differ_are_named()
    {
        Assert.Contains("LatentSize is 3 in process 0 and 4 in this one", Message(o => o.LatentSize = 4, 40));
        Assert.Contains("Seed is 1 in process 0 and 2 in this one", Message(o => o.Seed = 2, 40));
        Assert.Contains(
            "Distributed.ShardOptimizer is False in process 0 and True in this one", Message(o => { }, 40, shards: true));
        Assert.Contains(
            "Distributed.BucketSize is 26214400 in process 0 and 1 in this one", Message(o => { }, 40, shards: true));
        Assert.Contains("Distributed.Engine is Mpi in process 0 and Nccl in this one", Message(
            o => { }, 40, engine: DistributedEngine.Nccl));
        Assert.Contains("Process 1 has other training data than process 0", Message(o => { }, 41));

        static string Message(
            Action<VaeOptions> configure, int rows, bool shards = false, DistributedEngine engine = DistributedEngine.Mpi) =>
            ThreadProcesses.Run(2, transport => Train(
                transport, o => (transport.Rank == 0 ? _ => { } : configure)(o), rows: transport.Rank == 0 ? 40 : rows,
                shards: shards && transport.Rank == 1, engine: transport.Rank == 0 ? DistributedEngine.Mpi : engine))[1].Error!.Message;
    }

    [Fact]
    public void A_checkpoint_says_how_many_processes_a_step_is_of()
    {
        using var folder = new TemporaryFolder();
        ThreadProcesses.Results(2, transport => Train(transport, o =>
        {
            (o.MaxSteps, o.Checkpoints) = (2, new CheckpointOptions(folder.Path));
        }));
        string file = Assert.Single(Directory.GetFiles(folder.Path, "*.checkpoint"));
        Assert.Equal(2, Microsoft.ML.Generative.Training.Checkpoints.CheckpointFile.ReadStateOnly(file).Processes);
    }

    // With 20 rows, the second process has no batch in an epoch's last step; with 21 it has one row.
    [Theory]
    [InlineData(20)]
    [InlineData(21)]
    public void Synchronized_batch_normalization_trains_as_one_process_does_with_the_batch_of_both(int rows)
    {
        float[] one = Classifier(null, 8, rows);
        float[][] two = ThreadProcesses.Results(2, transport => Classifier(transport, 4, rows));
        AssertNear(one, two[0], 2e-4);
        Assert.Equal(two[0], two[1]);
        float[][] apart = ThreadProcesses.Results(2, transport => Classifier(transport, 4, rows, synchronizes: false));
        Assert.True(Distance(one, apart[0]) > 1e-3);
    }

    [Fact]
    public void Synchronized_batch_normalization_is_resumed_by_as_many_processes()
    {
        using var folder = new TemporaryFolder();
        var checkpoints = new CheckpointOptions(folder.Path);
        ThreadProcesses.Results(2, transport => Classifier(transport, 4, 16, checkpoints: checkpoints));
        (float[]?, Exception? Error)[] results =
            ThreadProcesses.Run(3, transport => Classifier(transport, 4, 16, checkpoints: checkpoints));
        Assert.All(results, r => Assert.Contains("began with 2 processes and resumes with 3", r.Error!.Message));
    }

    private static float[] Classifier(
        IProcessTransport? transport, int batchSize, int rows, bool synchronizes = true, CheckpointOptions? checkpoints = null)
    {
        var ml = new MLContext();
        var options = new ImageClassifierOptions
        {
            InputColumnName = "Pixels",
            LabelColumnName = "Side",
            BaseChannels = 4,
            Stages = 2,
            Normalization = ImageClassifierNormalization.Batch,
            BatchSize = batchSize,
            Epochs = 2,
            Optimizer = OptimizerKind.Sgd,
            LearningRate = 0.05,
            WarmupSteps = 0,
            Shuffle = false,
            Precision = ComputePrecision.Float32,
            Seed = 1,
            Threads = 1,
            Checkpoints = checkpoints,
        };
        if (transport is not null)
        {
            options.Distributed = new DistributedOptions
            {
                Transport = transport,
                Timeout = TimeSpan.FromSeconds(30),
                SynchronizeBatchNormalization = synchronizes,
            };
        }

        using ImageClassifierTransformer model =
            ml.Transforms.Generative().ImageClassifier(options).Fit(LabeledImages.WithTextKeys(ml, rows));
        return [.. ModuleWeights.Of(((IBaseModel)model).Network).SelectMany(t => TensorMemory.ToArray<float>(t.Tensor))];
    }

    private static double Distance(float[] a, float[] b) => a.Zip(b, (x, y) => Math.Abs((double)x - y)).Max();

    private static float[] Train(
        IProcessTransport? transport, Action<VaeOptions> configure, int rows = 40, int? broken = null, bool shards = false,
        DistributedEngine engine = DistributedEngine.Mpi)
    {
        var ml = new MLContext();
        VaeOptions options = SmallVae.Options();
        configure(options);
        if (transport is not null)
        {
            options.Distributed = new DistributedOptions
            {
                Engine = engine,
                Transport = transport,
                Timeout = TimeSpan.FromSeconds(30),
                ShardOptimizer = shards,
                BucketSize = shards ? 1 : new DistributedOptions().BucketSize,
            };
        }

        return SmallVae.Train(ml, options, SmallVae.Data(ml, rows, broken: broken));
    }

    private static void AssertNear(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs((double)a - b)).Max(), 0, tolerance);
    }
}
