using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>
/// Batches of roll-outs: a roll-out is played when the first of its batches is wanted, by the policy as it is then. Its state is the
/// roll-out, so that a training that is interrupted in the middle of one resumes there.
/// </summary>
internal sealed class RolloutBatches(
    TrainingRun run, RolloutOptions options, RolloutPlayer player, RolloutMethod method, PromptCorpus corpus,
    ReferenceModel reference)
    : IStatefulBatchSource
{
    // Streams of the training's seed.
    private const long PromptStream = 321;
    private const long TokenStream = 322;
    private const long OrderStream = 323;

    private long[] _prompts = [];
    private IReadOnlyCollection<torch.Tensor> _saved = [];
    private Rollout? _rollout;
    private int _epoch;
    private long _position;

    public long BatchesPerEpoch => RolloutsPerEpoch * BatchesPerRollout;

    public string Fingerprint
    {
        get
        {
            IEnumerable<string> rewards =
                options.Rewards.Select(reward => string.Create(CultureInfo.InvariantCulture, $"{reward.Weight} {reward.Name}"));
            return $"{corpus.Fingerprint}, rewards {string.Join(" + ", rewards)}, {reference.Fingerprint}";
        }
    }

    private long RolloutsPerEpoch => (corpus.Prompts.Count + options.RolloutPrompts - 1) / options.RolloutPrompts;

    private long BatchesPerPass => options.RolloutSize / options.BatchSize;

    private long BatchesPerRollout => BatchesPerPass * options.RolloutEpochs;

    // The roll-out of a batch of the epoch.
    private long NumberOf(long position) => _epoch * RolloutsPerEpoch + position / BatchesPerRollout;

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        if (skipBatches % BatchesPerRollout != 0)
            throw new InvalidOperationException("A roll-out can only be resumed with its state.");
        (_epoch, _position, _rollout) = (epoch, skipBatches, null);
        _prompts = Order(corpus.Prompts.Count, PromptStream, epoch);
    }

    public TensorBatch Next()
    {
        Rollout rollout = Advance();
        (long pass, long batch) = Math.DivRem((_position - 1) % BatchesPerRollout, BatchesPerPass);
        long[] order = Order((int)options.RolloutSize, OrderStream, NumberOf(_position - 1) * options.RolloutEpochs + pass);
        int[] rows = [.. order.Skip((int)batch * options.BatchSize).Take(options.BatchSize).Select(row => (int)row)];
        return method.Batch(rollout, rows, run.Device);
    }

    public int Skip()
    {
        Advance();
        return options.BatchSize;
    }

    public BatchSourceState SaveState()
    {
        var values = new JsonObject { ["epoch"] = _epoch, ["position"] = _position, ["method"] = method.SaveState() };
        // Of a roll-out that is done, nothing is needed.
        if (_rollout is null || _position % BatchesPerRollout == 0)
            return new BatchSourceState(values, new Dictionary<string, torch.Tensor>());
        foreach (torch.Tensor tensor in _saved)
            tensor.Dispose();
        (JsonArray figures, Dictionary<string, torch.Tensor> tensors) = _rollout.Save();
        _saved = tensors.Values;
        values["figures"] = figures;
        return new BatchSourceState(values, tensors);
    }

    public void RestoreState(BatchSourceState state)
    {
        try
        {
            JsonNode values = state.Values!;
            StartEpoch(values["epoch"]!.GetValue<int>());
            _position = values["position"]!.GetValue<long>();
            method.RestoreState(values["method"]);
            if (values["figures"] is JsonArray figures)
                _rollout = Rollout.Restore(figures, state.Tensors);
        }
        finally
        {
            foreach (torch.Tensor tensor in state.Tensors.Values)
                tensor.Dispose();
        }
    }

    // Passes over the next batch, whose roll-out is played if it is the first. All processes play together.
    private Rollout Advance()
    {
        if (_position >= BatchesPerEpoch)
            throw new InvalidOperationException("The epoch has no more batches.");
        long number = NumberOf(_position);
        if (_position % BatchesPerRollout == 0)
            _rollout = player.Play(ChoosePrompts(), number + 1, Seed(TokenStream, number), method);
        _position++;
        return _rollout!;
    }

    // Where an epoch has no more prompts, its first ones come again: all roll-outs have one size.
    private Prompt[] ChoosePrompts()
    {
        long first = _position / BatchesPerRollout * options.RolloutPrompts;
        return [.. Enumerable.Range(0, options.RolloutPrompts)
            .Select(i => corpus.Prompts[(int)_prompts[(first + i) % _prompts.Length]])];
    }

    private long Seed(long stream, long number) => SeedSequence.Derive(SeedSequence.Derive(run.Seed, stream), number);

    private long[] Order(int count, long stream, long number)
    {
        if (!options.Shuffle)
            return [.. Enumerable.Range(0, count).Select(i => (long)i)];
        using var generator = new torch.Generator((ulong)Seed(stream, number));
        using torch.Tensor order = torch.randperm(count, generator: generator);
        return TensorMemory.ToArray<long>(order);
    }
}

/// <summary>Batches of the scores of validation prompts, [rows], each completed once by the policy as it is.</summary>
internal sealed class ValidationRollouts(TrainingRun run, RolloutOptions options, RolloutPlayer player, PromptCorpus corpus) : IBatchSource
{
    private const long Stream = 324;

    private long _batch;

    public long BatchesPerEpoch => (corpus.Prompts.Count + options.BatchSize - 1) / options.BatchSize;

    public string Fingerprint => corpus.Fingerprint;

    public void StartEpoch(int epoch, long skipBatches = 0) => _batch = skipBatches;

    public TensorBatch Next()
    {
        Prompt[] prompts = [.. corpus.Prompts.Skip((int)_batch * options.BatchSize).Take(options.BatchSize)];
        float[] scores = player.Scores(prompts, SeedSequence.Derive(SeedSequence.Derive(run.Seed, Stream), _batch++));
        return new TensorBatch(scores.Length, torch.tensor(scores, device: run.Device));
    }
}
