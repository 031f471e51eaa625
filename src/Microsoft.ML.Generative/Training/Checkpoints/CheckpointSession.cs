using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Training.Reporting;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Checkpoints;

/// <summary>One loop's checkpoints: gathers its state, decides when to save it, and puts it back.</summary>
internal sealed class CheckpointSession
{
    private readonly TrainingRun _run;
    private readonly CheckpointFolder _folder;
    private readonly string _stage;
    private readonly TrainedNetwork[] _networks;
    private readonly BatchFeed[] _feeds;
    private readonly IBatchSource? _validation;
    private readonly TrainingMeter _meter;
    private readonly BestWeights? _best;
    private readonly CheckpointOptions _options;
    private readonly Stopwatch _sinceSaved = Stopwatch.StartNew();
    private readonly string[] _data;
    private readonly string?[] _frozen;
    private readonly (string Path, CheckpointState State)? _newest;
    private long _savedStep = -1;

    /// <exception cref="InvalidOperationException">The checkpoints are of a training with other data.</exception>
    public CheckpointSession(
        TrainingRun run, CheckpointFolder folder, string stage, TrainedNetwork[] networks, BatchFeed[] feeds, IBatchSource? validation, TrainingMeter meter, BestWeights? best)
    {
        _run = run;
        _folder = folder;
        _stage = stage;
        _networks = networks;
        _feeds = feeds;
        _validation = validation;
        _meter = meter;
        _best = best;
        _options = run.Options.Checkpoints!;
        _data = [.. feeds.Select(f => f.Source.Fingerprint), validation?.Fingerprint ?? "none"];
        _frozen = [.. networks.Select(n => n.FrozenHash)];

        using IChannel channel = run.Host.Start("Checkpoints");
        _newest = folder.FindNewest(channel, stage);
        if (_newest is { } newest)
        {
            CheckData(newest.Path, newest.State);
            CheckFrozenWeights(newest.Path, newest.State);
        }
    }

    /// <summary>The file saved last, or gone on from.</summary>
    public string? LastSaved { get; private set; }

    /// <summary>Goes on from the newest checkpoint, if there is one.</summary>
    /// <exception cref="InvalidDataException">It is of another version's network.</exception>
    public CheckpointState? Resume(IChannel channel)
    {
        if (_newest is not { } newest)
            return null;

        (string path, CheckpointState state) = newest;
        if (state.Best is { } score)
            _best?.Resume(score);
        // A training that has finished needs no more batches.
        string[] prefixes = state.IsFinished ? [] : [.. StatefulFeeds().Select(f => SourcePrefix(f.Index))];
        Dictionary<string, torch.Tensor> sourceTensors = CheckpointFile.ReadTensors(
            path, Tensors().ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal),
            name => prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)));
        for (int i = 0; i < _networks.Length; i++)
            _networks[i].Resume(state.NetworkSteps[i]);
        for (int i = 0; i < _feeds.Length && !state.IsFinished; i++)
        {
            if (_feeds[i].Source is IStatefulBatchSource)
                _feeds[i].Resume(state.Feeds[i], SourceState(i, state, sourceTensors));
            else
                _feeds[i].Start(state.Feeds[i]);
        }

        _meter.Resume(state.Meter, state.Step);
        (_savedStep, LastSaved) = (state.Step, path);
        channel.Info($"Read the checkpoint '{path}'.");
        return state;
    }

    public void SaveIfDue(IChannel channel, long step, double? gradientNorm, bool isFinished)
    {
        TimeSpan? interval = _options.Interval ?? (_options.Steps is null ? CheckpointOptions.DefaultInterval : null);
        if (isFinished || step % _options.Steps == 0 || _sinceSaved.Elapsed >= interval)
            Save(channel, step, gradientNorm, isFinished);
    }

    public void Save(IChannel channel, long step, double? gradientNorm, bool isFinished)
    {
        if (step == 0 || step == _savedStep)
            return;

        Dictionary<int, BatchSourceState> sources = StatefulFeeds().ToDictionary(f => f.Index, f => f.Source.SaveState());
        var state = new CheckpointState
        {
            Format = CheckpointState.CurrentFormat,
            Stage = _stage,
            Step = step,
            Seed = _run.Seed,
            Threads = torch.get_num_threads(),
            Options = SavedOptions.Of(_run.Options),
            Data = _data,
            Feeds = [.. _feeds.Select(f => f.Position)],
            NetworkSteps = [.. _networks.Select(n => n.Steps)],
            SourceStates = sources.Count == 0 ? null : [.. Enumerable.Range(0, _feeds.Length).Select(i => sources.GetValueOrDefault(i)?.Values)],
            FrozenWeights = _frozen.All(hash => hash is null) ? null : _frozen,
            Meter = _meter.State,
            GradientNorm = gradientNorm,
            Best = _best?.Score,
            IsFinished = isFinished,
        };
        _sinceSaved.Restart();
        try
        {
            LastSaved = _folder.Save(
                state, Tensors().Concat(sources.SelectMany(s => s.Value.Tensors.Select(t => (SourcePrefix(s.Key) + t.Key, t.Value)))));
            _savedStep = step;
            channel.Trace($"Wrote the checkpoint '{LastSaved}'.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk must not end a training of days; the next checkpoint may find room.
            channel.Warning($"The checkpoint of step {step} could not be written, the training goes on without it: {e.Message}");
        }
    }

    private IEnumerable<(string Name, torch.Tensor Tensor)> Tensors() =>
    [
        .. _networks.SelectMany(n => n.State.Select(s => ($"{n.Name}.{s.Name}", s.Values))),
        .. _best?.State ?? [],
    ];

    private IEnumerable<(int Index, IStatefulBatchSource Source)> StatefulFeeds() =>
        _feeds.Select((feed, i) => (i, feed.Source as IStatefulBatchSource)).Where(f => f.Item2 is not null).Select(f => (f.i, f.Item2!));

    private static string SourcePrefix(int feed) => string.Create(CultureInfo.InvariantCulture, $"source{feed}.");

    private static BatchSourceState SourceState(int feed, CheckpointState state, Dictionary<string, torch.Tensor> tensors)
    {
        string prefix = SourcePrefix(feed);
        return new BatchSourceState(
            state.SourceStates?[feed],
            tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(t => t.Key[prefix.Length..], t => t.Value));
    }

    private void CheckFrozenWeights(string path, CheckpointState state)
    {
        string[] differences = [.. _networks
            .Select((network, i) => (network.Name, Before: state.FrozenWeights?[i], Now: _frozen[i]))
            .Where(f => f.Before != f.Now)
            .Select(f => TrainingRun.Difference(
                $"the SHA-256 of the frozen weights of '{f.Name}', which are those of the base model,", f.Before ?? "none", f.Now ?? "none"))];
        if (differences.Length > 0)
            throw TrainingRun.Refuse(path, string.Join("; ", differences));
    }

    private void CheckData(string path, CheckpointState state)
    {
        if (state.Data.Length != _data.Length || state.Feeds.Length != _feeds.Length || state.NetworkSteps.Length != _networks.Length)
            throw TrainingRun.Refuse(path, "it has other sources of data or other networks");
        if (state.SourceStates is null && !state.IsFinished && StatefulFeeds().Any())
            throw TrainingRun.Refuse(path, "it lacks the state of a source of data");

        string[] differences = [.. _data.Zip(state.Data)
            .Select((pair, i) => (pair.First, pair.Second, What: i == _data.Length - 1 ? nameof(TrainingOptions.ValidationData) : "the data"))
            .Where(d => d.First != d.Second)
            .Select(d => TrainingRun.Difference(d.What, $"'{d.Second}'", $"'{d.First}'"))];
        if (differences.Length > 0)
            throw TrainingRun.Refuse(path, string.Join("; ", differences));
    }
}
