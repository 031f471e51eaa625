using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A step's gradient is the same, however its rows are divided into batches and processes.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class BatchWeightTests
{
    // Target tokens of eight sequences; the second half has none but in its last.
    private static readonly int[] _targets = [5, 0, 1, 3, 0, 0, 0, 4];

    [Fact]
    public void One_batch_of_eight_four_of_two_and_eight_of_one_make_the_same_gradient()
    {
        float[] whole = Assert.Single(Gradients(8));
        Assert.True(whole.Max(MathF.Abs) > 0.01);
        foreach (int size in new[] { 4, 2, 1 })
            Assert.InRange(Difference(whole, Assert.Single(Gradients(size))), 0, 1e-7);

        // A mean of the batches' means, each as if it had as many targets, is another gradient.
        float[][] parts = [.. Enumerable.Range(0, 4).Where(i => _targets[2 * i] + _targets[2 * i + 1] > 0)
            .Select(i => Gradients(2, 2 * i, 2)[0])];
        float[] unweighted = [.. whole.Select((_, i) => parts.Average(p => p[i]))];
        Assert.True(Difference(whole, unweighted) > 1e-3);
    }

    [Fact]
    public void Two_processes_with_uneven_parts_have_the_gradient_of_the_whole_batch()
    {
        float[] whole = Assert.Single(Gradients(8));
        foreach ((int first, int size) in new[] { (4, 2), (2, 1), (7, 7) })
        {
            using var exchange = new TwoProcesses();
            float[][][] ranks = OnTwoThreads(
                () => Gradients(size, 0, first, exchange.Of(0)),
                () => Gradients(size, first, 8 - first, exchange.Of(1)));
            Assert.Equal(ranks[0][0], ranks[1][0]);
            Assert.InRange(Difference(whole, ranks[0][0]), 0, 1e-7);
        }
    }

    [Fact]
    public void A_process_without_targets_takes_the_step_of_the_other()
    {
        float[] whole = Assert.Single(Gradients(8, 0, 4));
        using var exchange = new TwoProcesses();
        float[][][] ranks = OnTwoThreads(() => Gradients(4, 0, 4, exchange.Of(0)), () => Gradients(1, 4, 3, exchange.Of(1)));
        Assert.InRange(Difference(whole, ranks[0][0]), 0, 1e-7);
        Assert.Equal(ranks[0][0], ranks[1][0]);
    }

    [Fact]
    public void Clipping_sees_the_gradient_of_all_processes()
    {
        using var exchange = new TwoProcesses();
        var norms = new double[2];
        OnTwoThreads(() => Gradients(4, 0, 4, exchange.Of(0), norm => norms[0] = norm), () =>
            Gradients(4, 4, 4, exchange.Of(1), norm => norms[1] = norm));
        Assert.Equal(Math.Sqrt(Assert.Single(Gradients(8)).Sum(g => (double)g * g)), norms[0], 1e-5);
        Assert.Equal(norms[0], norms[1]);
    }

    [Fact]
    public void A_step_without_targets_moves_no_weights()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var options = new ToyOptions { BatchSize = 1, MaxSteps = 6, Optimizer = OptimizerKind.AdamW, WeightDecay = 0.5 };
        var linear = TorchSeed.Initialize(1, () => torch.nn.Linear(1, 1));
        using var network = new TrainedNetwork("n", linear, options);
        var weights = new List<float[]>();
        var source = new WeighedRows(torch.ones(6, 1), [1, 0, 0, 2, 0, 1]);
        var phase = new TrainingPhase(network, source, (_, batch) => new Losses((linear.call(batch[0]) - 3).square().mean()));
        options.Progress = new Reports { OnReport = _ => weights.Add(Toys.Numbers(linear)) };
        Toys.Loop(options, [phase]).Run();
        Assert.Equal(weights[0], weights[2]);
        Assert.NotEqual(weights[2], weights[3]);
        Assert.Equal(weights[3], weights[4]);
        Assert.NotEqual(weights[4], weights[5]);
        Assert.Equal(3, network.Steps);
    }

    [Fact]
    public void Validation_and_reports_weigh_each_batch()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var reports = new Reports();
        var options =
            new ToyOptions { BatchSize = 1, GradientAccumulationSteps = 3, MaxSteps = 1, LearningRate = 1e-12, Progress = reports };
        var linear = torch.nn.Linear(1, 1);
        using var network = new TrainedNetwork("n", linear, options);
        var rows = new WeighedRows(torch.tensor(new float[] { 1, 2, 5 }).view(3, 1), [1, 3, 0]);
        var phase = new TrainingPhase(
            network, rows, (_, batch) => new Losses(linear.weight!.sum() * 0 + batch[0].sum(), ("value", batch[0].sum())));
        Toys.Loop(options, [phase], validation: new WeighedRows(torch.tensor(new float[] { 4, 8, 9 }).view(3, 1), [3, 1, 0])).Run();
        TrainingProgress report = Assert.Single(reports.All);
        Assert.Equal((1 + 3 * 2) / 4.0, report.Loss, 1e-6);
        Assert.Equal((1 + 3 * 2) / 4.0, report.LossTerms["value"], 1e-6);
        Assert.Equal((3 * 4 + 8) / 4.0, report.ValidationLoss!.Value, 1e-6);
        Assert.Equal((3 * 4 + 8) / 4.0, report.ValidationTerms["value"], 1e-6);
    }

    // The gradients of one step over some of the sequences, as the exchange leaves them.
    private static float[][] Gradients(
        int batchSize, int first = 0, int count = 8, IGradientExchange? exchange = null, Action<double>? onNorm = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var architecture = new LanguageModelArchitecture
        {
            VocabularySize = 7,
            ContextLength = 6,
            EmbeddingSize = 8,
            Layers = 1,
            Heads = 2,
        };
        using LanguageModelNetwork model = TorchSeed.Initialize(3, () => new LanguageModelNetwork(architecture));
        var options = new ToyOptions
        {
            Optimizer = OptimizerKind.Sgd,
            MaxSteps = 1,
            BatchSize = batchSize,
            GradientAccumulationSteps = (count + batchSize - 1) / batchSize,
            GradientClipNorm = onNorm is null ? null : 0.01,
            Progress = new Reports { OnReport = report => onNorm?.Invoke(report.GradientNorm!.Value) },
        };
        using var network = new TrainedNetwork("model", model, options);
        var phase = new TrainingPhase(
            network, new Sequences(batchSize, first, count), (_, batch) => new Losses(model.Loss(batch[0], batch[1])));
        var recorded = new RecordedGradients();
        (Toys.Loop(options, [phase]) with { Exchange = exchange is null ? recorded : new Chain(exchange, recorded) }).Run();
        return [.. recorded.All];
    }

    private static float Difference(float[] a, float[] b) => a.Zip(b, (x, y) => MathF.Abs(x - y)).Max();

    private static T[] OnTwoThreads<T>(Func<T> first, Func<T> second)
    {
        TorchRuntime.EnsureLoaded();
        var results = new T[2];
        var errors = new List<Exception>();
        Thread[] threads = [.. new[] { first, second }.Select((work, i) => new Thread(() =>
        {
            try
            {
                results[i] = work();
            }
            catch (Exception e)
            {
                lock (errors)
                    errors.Add(e);
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            Assert.True(thread.Join(TimeSpan.FromMinutes(2)));
        Assert.Empty(errors);
        return results;
    }

    /// <summary>Some of eight sequences of six tokens, the last ones of which are targets.</summary>
    private sealed class Sequences(int batchSize, int first, int count) : IBatchSource
    {
        private int _next;

        public long BatchesPerEpoch => (count + batchSize - 1) / batchSize;

        public string Fingerprint => "";

        public void StartEpoch(int epoch, long skipBatches = 0) => _next = (int)skipBatches * batchSize;

        public TensorBatch Next()
        {
            var corpus = new TokenCorpus(7, long.MaxValue);
            int size = Math.Min(batchSize, count - _next);
            for (int row = first + _next; row < first + _next + size; row++)
                corpus.AddExample([.. Enumerable.Range(0, 7).Select(i => (row * row + 3 * i) % 7)], prompt: 7 - _targets[row]);
            _next += size;
            return TokenBatches.Make(corpus, [.. corpus.Examples], torch.CPU);
        }
    }

    /// <summary>Rows one by one, each with a weight.</summary>
    private sealed class WeighedRows(torch.Tensor rows, long[] weights) : IBatchSource
    {
        private int _next;

        public long BatchesPerEpoch => weights.Length;

        public string Fingerprint => "";

        public void StartEpoch(int epoch, long skipBatches = 0) => _next = (int)skipBatches;

        public TensorBatch Next() => new(1, rows.narrow(0, _next, 1)) { Weight = weights[_next++] };
    }

    private sealed class Chain(IGradientExchange exchange, IGradientExchange then) : IGradientExchange
    {
        public double TotalWeight(double weight) => exchange.TotalWeight(weight);

        public void Sum(torch.Tensor gradients)
        {
            exchange.Sum(gradients);
            then.Sum(gradients);
        }
    }

    /// <summary>Two processes simulated by two threads.</summary>
    private sealed class TwoProcesses : IDisposable
    {
        private readonly Barrier _barrier = new(2);
        private readonly torch.Tensor[] _parts = new torch.Tensor[2];
        private readonly double[] _weights = new double[2];

        public void Dispose() => _barrier.Dispose();

        public IGradientExchange Of(int rank) => new Rank(this, rank);

        private sealed class Rank(TwoProcesses owner, int rank) : IGradientExchange
        {
            public double TotalWeight(double weight)
            {
                owner._weights[rank] = weight;
                owner._barrier.SignalAndWait();
                double total = owner._weights.Sum();
                owner._barrier.SignalAndWait();
                return total;
            }

            public void Sum(torch.Tensor gradients)
            {
                using DisposeScope scope = torch.NewDisposeScope();
                owner._parts[rank] = gradients;
                owner._barrier.SignalAndWait();
                torch.Tensor sum = owner._parts[0] + owner._parts[1];
                owner._barrier.SignalAndWait();
                gradients.copy_(sum);
            }
        }
    }
}
