using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class StatefulSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_training_on_roll_outs_that_was_interrupted_equals_one_that_was_not()
    {
        var whole = Train("whole", null);
        Assert.Equal(4, whole.Rollouts);
        for (int step = 1; step < 11; step++)
        {
            int before = Train($"cut{step}", step).Rollouts;
            var resumed = Train($"cut{step}", null);
            Assert.Equal(whole.Weights, resumed.Weights);
            // What was rolled out before is not rolled out again.
            Assert.Equal(whole.Rollouts, before + resumed.Rollouts);
        }
    }

    [Fact]
    public void A_finished_training_restores_no_state()
    {
        Train("a", null);
        var again = Train("a", null);
        Assert.Equal((0, 0), (again.Rollouts, again.Restored));
    }

    [Fact]
    public void A_checkpoint_without_the_state_of_a_source_is_refused()
    {
        var options = new ToyOptions { MaxSteps = 4, Checkpoints = new CheckpointOptions(_folder.File("a")) { Steps = 2 } };
        using (var regression = new Regression(options))
        {
            using var stop = new CancellationTokenSource();
            options.CancellationToken = stop.Token;
            options.Progress = new Reports { OnReport = r => { if (r.Step == 2) stop.Cancel(); } };
            Assert.ThrowsAny<OperationCanceledException>(() => regression.Train());
        }

        options.CancellationToken = default;
        using var resumed = new Regression(options);
        var phase = new TrainingPhase(resumed.Network, new Rollouts(resumed.Model) { Fingerprint = "rows" }, resumed.Phase.Losses);
        var error = Assert.Throws<InvalidOperationException>(() => Toys.Loop(options, [phase]).Run());
        Assert.Contains("lacks the state of a source", error.Message);
    }

    private (float[] Weights, int Rollouts, int Restored) Train(string name, int? cancelAt)
    {
        using var stop = new CancellationTokenSource();
        var options = new ToyOptions
        {
            MaxSteps = 11,
            LearningRate = 0.05,
            CancellationToken = stop.Token,
            Checkpoints = new CheckpointOptions(_folder.File(name)),
        };
        using Linear policy = TorchSeed.Initialize(1, () => torch.nn.Linear(2, 1));
        using var network = new TrainedNetwork("policy", policy, options);
        var rollouts = new Rollouts(policy);
        var phase = new TrainingPhase(network, rollouts, (step, batch) =>
        {
            if (step.Step == cancelAt)
                stop.Cancel();
            return new Losses((policy.call(batch[0]) - batch[1]).square().mean());
        });
        if (cancelAt is null)
            Toys.Loop(options, [phase]).Run();
        else
            Assert.ThrowsAny<OperationCanceledException>(() => Toys.Loop(options, [phase]).Run());
        rollouts.Release();
        return (Toys.Numbers(policy), rollouts.Made, rollouts.Restored);
    }

    /// <summary>Rows that depend on the policy as it was when they were made, used for three batches; their number changes.</summary>
    private sealed class Rollouts(Linear policy) : IStatefulBatchSource
    {
        private torch.Tensor? _states;
        private torch.Tensor? _targets;
        private int _next = 3;
        private long _counter = 100;

        public int Made { get; private set; }

        public int Restored { get; private set; }

        public long BatchesPerEpoch => 5;

        public string Fingerprint { get; init; } = "";

        public void StartEpoch(int epoch, long skipBatches = 0) => Assert.Equal(0, skipBatches);

        public TensorBatch Next()
        {
            if (_next == 3)
                Make();
            _next++;
            return new TensorBatch((int)_states!.size(0), _states.view(_states.shape), _targets!.view(_targets.shape));
        }

        public BatchSourceState SaveState() => new(
            new JsonObject { ["next"] = _next, ["counter"] = _counter },
            _states is null ? new Dictionary<string, torch.Tensor>() : new Dictionary<string, torch.Tensor>
            {
                ["states"] = _states,
                ["targets"] = _targets!,
            });

        public void RestoreState(BatchSourceState state)
        {
            Restored++;
            (_next, _counter) = ((int)state.Values!["next"]!, (long)state.Values["counter"]!);
            (_states, _targets) = (state.Tensors["states"], state.Tensors["targets"]);
        }

        public void Release()
        {
            _states?.Dispose();
            _targets?.Dispose();
        }

        private void Make()
        {
            Release();
            using IDisposable noGradient = torch.no_grad();
            using var generator = new torch.Generator((ulong)_counter);
            (_next, _counter, Made) = (0, _counter + 1, Made + 1);
            _states = torch.randn([2 + _counter % 3, 2], generator: generator).DetachFromDisposeScope();
            _targets = (policy.call(_states) + _states.sum([1], keepdim: true)).DetachFromDisposeScope();
        }
    }
}
