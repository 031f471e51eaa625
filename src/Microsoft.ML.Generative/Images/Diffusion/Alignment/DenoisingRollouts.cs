using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Rewards;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Alignment;

/// <summary>
/// Roll-outs of a denoising policy: an epoch begins with images that the network generates as it is then, and their rewards; its batches
/// are steps on the way to them, in random order.
/// </summary>
/// <remarks>
/// The columns of a batch: samples, results, steps, log densities under the policy that took the steps, advantages, then the conditions.
/// </remarks>
internal sealed class DenoisingRollouts : IStatefulBatchSource, IDisposable
{
    // Streams of the training's seed, beside those of the loop.
    private const long NoiseStream = 201;
    private const long OrderStream = 202;

    private const string Samples = "samples";
    private const string LogDensities = "logDensities";
    private const string Advantages = "advantages";
    private const string Condition = "condition";

    private readonly TrainingRun _run;
    private readonly DiffusionRewardOptions _options;
    private readonly DiffusionDefinition _definition;
    private readonly DenoisingPolicy _policy;
    private readonly TensorSource _rows;
    private readonly IBatchSource _conditionRows;
    private readonly RewardStatistics _statistics;
    private readonly Lazy<string> _fingerprint;
    private readonly Dictionary<string, Tensor> _tensors = [];
    private Tensor? _order;
    private int _epoch;
    private long _next;

    /// <param name="run">The training.</param>
    /// <param name="definition">The model.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="rows">Rows with the conditions of the images to generate.</param>
    /// <param name="reference">The network whose divergence counts in the loss, if there is one.</param>
    public DenoisingRollouts(
        TrainingRun run, DiffusionDefinition definition, DenoisingPolicy policy, TensorSource rows, nn.Module? reference = null)
    {
        (_run, _definition, _policy, _rows) = (run, definition, policy, rows);
        _options = (DiffusionRewardOptions)run.Options;
        _conditionRows = rows.Batches(1, _options.Shuffle, run.Seed, run.Device);
        _statistics = new RewardStatistics(_options.ClassStatisticsSize);
        _fingerprint = new(() => reference is null
            ? rows.Fingerprint
            : $"{rows.Fingerprint}, weights of the reference {FrozenParameters.Hash([.. ModuleWeights.Of(reference)])}");
    }

    public long BatchesPerEpoch => _options.EpochsPerRollout * Parts;

    public string Fingerprint => _fingerprint.Value;

    /// <summary>The mean reward of the roll-out's images.</summary>
    public double MeanReward { get; private set; }

    /// <summary>The standard deviation of the roll-out's rewards.</summary>
    public double RewardDeviation { get; private set; }

    // A step of an image. The last steps add no noise: there is nothing to choose.
    private long Pairs => (long)_options.ImagesPerEpoch * (_policy.Steps - 1);

    private long Parts => (Pairs + _options.BatchSize - 1) / _options.BatchSize;

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        if (skipBatches != 0)
            throw new InvalidOperationException("Roll-outs are not made again: their state was saved.");
        Release();
        (_epoch, _next) = (epoch, 0);
    }

    public TensorBatch Next()
    {
        long part = Advance();
        Tensor pairs = PairsOf(part);
        Tensor[] columns = Columns(pairs);
        return new TensorBatch((int)pairs.size(0), [
            .. columns[..3],
            _tensors[LogDensities].narrow(0, part * _options.BatchSize, pairs.size(0)),
            _tensors[Advantages].index_select(0, ImagesOf(pairs)),
            .. columns[3..]]);
    }

    public int Skip()
    {
        long part = Advance();
        return (int)Math.Min(_options.BatchSize, Pairs - part * _options.BatchSize);
    }

    public BatchSourceState SaveState() => new(
        new JsonObject
        {
            ["epoch"] = _epoch,
            ["next"] = _next,
            ["meanReward"] = MeanReward,
            ["rewardDeviation"] = RewardDeviation,
            ["statistics"] = _statistics.Save(),
        },
        // At its end, nothing of a roll-out is needed.
        _next == BatchesPerEpoch ? new Dictionary<string, Tensor>() : _tensors);

    public void RestoreState(BatchSourceState state)
    {
        Release();
        JsonNode values = state.Values!;
        (_epoch, _next) = ((int)values["epoch"]!, (long)values["next"]!);
        (MeanReward, RewardDeviation) = ((double)values["meanReward"]!, (double)values["rewardDeviation"]!);
        _statistics.Restore(values["statistics"]!.AsObject());
        foreach ((string name, Tensor tensor) in state.Tensors)
            Keep(name, _run.Device.type == DeviceType.CPU ? tensor : Moved(tensor));
        if (_tensors.Count > 0)
            _order = Order();
    }

    public void Dispose() => Release();

    // The next part, after the roll-out if it is the first. Several processes make the roll-out together.
    private long Advance()
    {
        if (_tensors.Count == 0)
        {
            using IDisposable turn = _run.Threads.Turn();
            using IDisposable noGradient = no_grad();
            RollOut();
        }

        return _next++ % Parts;
    }

    private void RollOut()
    {
        using DisposeScope scope = NewDisposeScope();
        int count = _options.ImagesPerEpoch;
        (int rank, int processes) = (_run.Group?.Rank ?? 0, _run.Group?.Size ?? 1);
        int first = (int)((long)count * rank / processes), end = (int)((long)count * (rank + 1) / processes);
        Tensor[] conditions = ReadConditions(count);
        for (int i = 0; i < conditions.Length; i++)
            Keep($"{Condition}{i}", conditions[i]);
        float[] images = new float[(end - first) * _definition.Architecture.Shape.Size];
        List<Tensor> samples = [];
        for (int start = first; start < end; start += _options.TransformBatchSize)
        {
            int rows = Math.Min(_options.TransformBatchSize, end - start);
            float[] ofBatch = Generate(start, rows, [.. conditions.Select(c => c.narrow(0, start, rows))], samples);
            ofBatch.CopyTo(images, (start - first) * _definition.Architecture.Shape.Size);
        }

        long size = _definition.Architecture.Shape.Size;
        Keep(Samples, _run.Group is { } group
            ? group.Join(
                "the samples of a roll-out", samples.Count == 0 ? [] : [(first, cat(samples, 0).flatten(1))], count, _policy.Steps * size,
                _run.Device).view([count, _policy.Steps, .. _definition.Architecture.Shape.Dimensions])
            : cat(samples, 0));
        Score(images, [.. conditions.Select(c => c.narrow(0, first, end - first))], conditions);
        _order = Order();
        Keep(LogDensities, AllLogDensities());
    }

    // Of the parts in their order; each process computes those that it learns first.
    private Tensor AllLogDensities()
    {
        if (_run.Group is not { } group)
            return cat([.. Enumerable.Range(0, (int)Parts).Select(part => LogDensitiesOf(part))], 0);
        IEnumerable<(long, Tensor)> own = Enumerable.Range(0, (int)Parts).Where(part => part % group.Size == group.Rank)
            .Select(part => ((long)part * _options.BatchSize, LogDensitiesOf(part).unsqueeze(1)));
        return group.Join("the probabilities of a roll-out", own, Pairs, 1, _run.Device).squeeze(1);
    }

    // The images, after the samples that steps begin with: [images, steps, channels, height, width].
    private float[] Generate(int start, int rows, Tensor[] conditions, List<Tensor> startOfSteps)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] keys = SeedSequence.DeriveMany(SeedSequence.Derive(_run.Seed, NoiseStream), _epoch * _options.ImagesPerEpoch + start, rows);
        var noise = new KeyedNoise(keys, _definition.Architecture.Shape.Dimensions, _run.Device);
        Tensor[] samples = _policy.Run(noise.Next, Encode(conditions), _run.StopIfCancelled);
        startOfSteps.Add(stack(samples[..^1], 1).MoveToOuterDisposeScope());
        return TensorMemory.ToArray<float>(PixelScale.Unsigned(samples[^1]));
    }

    // Own images, with their conditions and those of all.
    private void Score(float[] images, Tensor[] ownConditions, Tensor[] conditions)
    {
        long[]? labels = LabelsOf(conditions);
        double[] rewards =
            images.Length == 0 ? [] : _options.Reward!.Score(_run.Host, ImagesOf(_definition, images, LabelsOf(ownConditions)));
        if (_run.Group is { } group)
        {
            rewards = [.. group.Gather("the rewards of a roll-out", MemoryMarshal.AsBytes<double>(rewards).ToArray())
                .SelectMany(part => MemoryMarshal.Cast<byte, double>(part).ToArray())];
        }

        (MeanReward, RewardDeviation) = RewardStatistics.Moments(rewards);
        double highest = _options.AdvantageClip;
        Keep(Advantages, tensor(
            [.. _statistics.Advantages(rewards, labels).Select(a => (float)Math.Clamp(a, -highest, highest))], device: _run.Device));
    }

    private long[]? LabelsOf(Tensor[] conditions) =>
        _definition.Conditions.Label is null ? null : TensorMemory.ToArray<long>(conditions[0]);

    /// <summary>Images as rewards take them.</summary>
    public static RewardedImages ImagesOf(DiffusionDefinition definition, float[] images, IReadOnlyList<long>? labels) => new(
        images, definition.Architecture.Shape,
        labels is null ? null : RewardedImages.NamesOf(labels, definition.Columns.Classes, definition.Architecture.LabelCount));

    // Computed in the batches that will be learned, so that the ratio of unchanged weights is 1 to the bit.
    private Tensor LogDensitiesOf(long part)
    {
        _run.StopIfCancelled();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] columns = Columns(PairsOf(part));
        (Tensor mean, Tensor deviation) = _policy.Step(columns[0], columns[2], Encode(columns[3..]));
        return DenoisingPolicy.LogDensity(columns[1], mean, deviation).MoveToOuterDisposeScope();
    }

    // The conditions of as many rows of the data, which is gone through over and over.
    private Tensor[] ReadConditions(int count)
    {
        if (_definition.Conditions is { Label: null, Image: null })
            return [];
        long first = (long)_epoch * count, position = first % _rows.Count;
        int pass = checked((int)(first / _rows.Count));
        List<Tensor[]> rows = [];
        _conditionRows.StartEpoch(pass, position);
        for (int i = 0; i < count; i++, position++)
        {
            if (position == _rows.Count)
            {
                position = 0;
                _conditionRows.StartEpoch(++pass);
            }

            rows.Add(_conditionRows.Next().Columns);
        }

        return [.. Enumerable.Range(0, rows[0].Length).Select(column => cat([.. rows.Select(row => row[column])], 0))];
    }

    private ConditionValues Encode(Tensor[] conditions) => _definition.Conditions.Encode(conditions, first: 0);

    private Tensor Order()
    {
        using var generator = new Generator((ulong)SeedSequence.Derive(SeedSequence.Derive(_run.Seed, OrderStream), _epoch));
        return randperm(Pairs, generator: generator).OnDevice(_run.Device).DetachFromDisposeScope();
    }

    private Tensor PairsOf(long part)
    {
        long start = part * _options.BatchSize;
        return _order!.narrow(0, start, Math.Min(_options.BatchSize, Pairs - start));
    }

    private Tensor ImagesOf(Tensor pairs) => pairs.floor_divide(StepsToLearn());

    // Samples, results, steps and conditions of pairs of image and step.
    private Tensor[] Columns(Tensor pairs)
    {
        Tensor images = ImagesOf(pairs), steps = pairs - images * StepsToLearn();
        // [images · steps, channels, height, width]; the last step has no result there, and is not learned.
        Tensor samples = _tensors[Samples].flatten(0, 1), places = (images * tensor((long)_policy.Steps, device: pairs.device)).Plus(steps);
        return [
            samples.index_select(0, places), samples.index_select(0, places.Minus(-1)), steps,
            .. Enumerable.Range(0, _tensors.Count).Where(i => _tensors.ContainsKey($"{Condition}{i}"))
                .Select(i => _tensors[$"{Condition}{i}"].index_select(0, images))];
    }

    private Tensor Moved(Tensor onCpu)
    {
        using (onCpu)
            return onCpu.OnDevice(_run.Device);
    }

    private Tensor StepsToLearn() => tensor(_policy.Steps - 1L, device: _run.Device);

    private void Keep(string name, Tensor tensor) => _tensors.Add(name, tensor.DetachFromDisposeScope());

    private void Release()
    {
        _order?.Dispose();
        _order = null;
        foreach (Tensor tensor in _tensors.Values)
            tensor.Dispose();
        _tensors.Clear();
    }
}
