using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

internal sealed class ToyOptions : ImageTrainingOptions;

internal sealed class Reports : IProgress<TrainingProgress>
{
    public List<TrainingProgress> All { get; } = [];

    public Action<TrainingProgress>? OnReport { get; init; }

    public void Report(TrainingProgress value)
    {
        All.Add(value);
        OnReport?.Invoke(value);
    }
}

/// <summary>Rows in their order, in batches.</summary>
internal sealed class RowBatches(torch.Tensor[] columns, int batchSize) : IBatchSource
{
    private readonly long _rows = columns[0].size(0);
    private long _position;

    public List<int> Epochs { get; } = [];

    public int Drawn { get; private set; }

    public long BatchesPerEpoch => (_rows + batchSize - 1) / batchSize;

    public string Fingerprint { get; init; } = "rows";

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        Epochs.Add(epoch);
        _position = skipBatches * batchSize;
    }

    public TensorBatch Next()
    {
        long size = Math.Min(batchSize, _rows - _position);
        Assert.True(size > 0, "The loop drew more batches than the epoch has.");
        var batch = new TensorBatch((int)size, [.. columns.Select(c => c.narrow(0, _position, size))]);
        _position += size;
        Drawn++;
        return batch;
    }
}

/// <summary>Batches made on the spot out of the epoch and the position in it.</summary>
internal sealed class NoiseBatches(int batchSize, int width, long batchesPerEpoch) : IBatchSource
{
    private int _epoch;
    private long _next;

    public int Drawn { get; private set; }

    public long BatchesPerEpoch => batchesPerEpoch;

    public string Fingerprint => "noise";

    public void StartEpoch(int epoch, long skipBatches = 0) => (_epoch, _next) = (epoch, skipBatches);

    public TensorBatch Next()
    {
        using var generator = new torch.Generator((ulong)SeedSequence.Derive(_epoch, _next++));
        Drawn++;
        return new TensorBatch(batchSize, torch.randn([batchSize, width], generator: generator));
    }
}

/// <summary>A linear regression y = 2 x₁ − 3 x₂ + 0.5, without noise.</summary>
internal sealed class Regression : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public Regression(TrainingOptions options, int rows = 64, int? batchSize = null, double dropout = 0, int seed = 5)
    {
        using var generator = new torch.Generator((ulong)seed);
        X = torch.randn([rows, 2], generator: generator);
        Y = X.matmul(torch.tensor(new float[] { 2, -3 }).view(2, 1)) + 0.5f;
        Model = TorchSeed.Initialize(seed, () => torch.nn.Linear(2, 1));
        Options = options;
        Network = new TrainedNetwork("regression", Model, options);
        Batches = new RowBatches([X, Y], batchSize ?? options.BatchSize);
        Phase = new TrainingPhase(Network, Batches, (_, batch) =>
        {
            torch.Tensor x = dropout == 0 ? batch[0] : torch.nn.functional.dropout(batch[0], dropout, Model.training);
            torch.Tensor squared = (Model.call(x) - batch[1]).square().mean();
            return new Losses(squared, ("squared", squared), ("bias", Model.bias!.detach().square().mean()));
        });
    }

    public TrainingOptions Options { get; }

    public torch.Tensor X { get; }

    public torch.Tensor Y { get; }

    public Linear Model { get; }

    public TrainedNetwork Network { get; }

    public RowBatches Batches { get; }

    public TrainingPhase Phase { get; init; }

    /// <summary>Both weights, then the bias.</summary>
    public float[] Weights => Toys.Numbers(Model);

    public Regression Train(int seed = 1, MLContext? ml = null, IBatchSource? validation = null, ITrainingPreview? preview = null)
    {
        (Toys.Loop(Options, [Phase], seed, ml, validation) with { Preview = preview }).Run();
        return this;
    }

    public void Dispose()
    {
        Network.Dispose();
        Model.Dispose();
        _scope.Dispose();
    }
}

/// <summary>What an estimator's Fit does with its phases.</summary>
internal sealed record ToyLoop(
    TrainingOptions Options, IReadOnlyList<TrainingPhase> Phases, int Seed, MLContext Ml, IBatchSource? Validation)
{
    public ITrainingPreview? Preview { get; init; }

    public IGradientExchange? Exchange { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public void Run()
    {
        Options.Seed ??= Seed;
        Options.ValidateForTraining();
        using TrainingRun run = TrainingRun.Open(Ml, Hosts.Create(Ml), Options);
        (run.Exchange, run.Clock) = (Exchange ?? run.Exchange, Clock);
        new TrainingLoop(run, Phases, Validation, preview: Preview).Run();
    }
}

/// <summary>Keeps a copy of each gradient that passes, in a training of one process.</summary>
internal sealed class RecordedGradients : IGradientExchange
{
    public List<float[]> All { get; } = [];

    public double TotalWeight(double weight) => weight;

    public void Sum(torch.Tensor gradients) => All.Add(TensorMemory.ToArray<float>(gradients));
}

internal static class Toys
{
    public static ToyLoop Loop(
        TrainingOptions options, IReadOnlyList<TrainingPhase> phases, int seed = 1, MLContext? ml = null,
        IBatchSource? validation = null) =>
        new(options, phases, seed, ml ?? new MLContext(), validation);

    /// <summary>All parameters of a module, one after another.</summary>
    public static float[] Numbers(torch.nn.Module module) => [.. module.parameters().SelectMany(p =>
    {
        using torch.Tensor copy = p.detach().clone();
        return copy.data<float>().ToArray();
    })];
}
