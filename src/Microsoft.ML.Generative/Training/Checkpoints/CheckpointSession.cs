using System.Diagnostics;
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
    private readonly SourceStates _sources;
    private readonly (string Path, CheckpointState State)? _newest;
    private long _savedStep = -1;

    /// <exception cref="InvalidOperationException">The checkpoints are of a training with other data.</exception>
    public CheckpointSession(
        TrainingRun run, CheckpointFolder folder, string stage, TrainedNetwork[] networks, BatchFeed[] feeds, IBatchSource? validation,
        TrainingMeter meter, BestWeights? best)
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
        _sources = new SourceStates(feeds);

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

    /// <summary>Resumes from the newest checkpoint, if there is one.</summary>
    /// <exception cref="InvalidDataException">It is of another version's network.</exception>
    public CheckpointState? Resume(IChannel channel)
    {
        if (_newest is not { } newest)
            return null;

        (string path, CheckpointState state) = newest;
        if (state.Best is { } score)
            _best?.Resume(score);
        // A training that has finished needs no more batches.
        Dictionary<string, torch.Tensor> sourceTensors = CheckpointFile.ReadTensors(
            path, Tensors().ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal), PresentName,
            name => !state.IsFinished && _sources.Owns(name));
        for (int i = 0; i < _networks.Length; i++)
            _networks[i].Resume(state.NetworkSteps[i]);
        if (!state.IsFinished)
            _sources.Resume(state, sourceTensors);

        _meter.Resume(state.Meter, state.Step);
        (_savedStep, LastSaved) = (state.Step, path);
        channel.Info($"Read the checkpoint '{path}'.");
        return state;
    }

    /// <summary>Whether a checkpoint is due after a step.</summary>
    public bool IsDue(long step, bool isFinished)
    {
        TimeSpan? interval = _options.Interval ?? (_options.Steps is null ? CheckpointOptions.DefaultInterval : null);
        return isFinished || step % _options.Steps == 0 || _sinceSaved.Elapsed >= interval;
    }

    public void Save(IChannel channel, long step, double? gradientNorm, bool isFinished)
    {
        if (step == 0 || step == _savedStep)
            return;

        var (sourceValues, sourceTensors) = _sources.Save();
        var state = new CheckpointState
        {
            Format = CheckpointState.CurrentFormat,
            Stage = _stage,
            Step = step,
            Seed = _run.Seed,
            Threads = _run.Threads.Threads,
            Processes = _run.Processes,
            Options = SavedOptions.Of(_run.Options),
            Data = _data,
            Feeds = [.. _feeds.Select(f => f.Position)],
            NetworkSteps = [.. _networks.Select(n => n.Steps)],
            SourceStates = sourceValues,
            FrozenWeights = _frozen.All(hash => hash is null) ? null : _frozen,
            Meter = _meter.State,
            GradientNorm = gradientNorm,
            Best = _best?.Score,
            IsFinished = isFinished,
        };
        _sinceSaved.Restart();
        try
        {
            LastSaved = _folder.Save(state, Tensors().Concat(sourceTensors));
            _savedStep = step;
            channel.Trace($"Wrote the checkpoint '{LastSaved}'.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk must not end a training of days; the next checkpoint may find room.
            channel.Warning($"The checkpoint of step {step} could not be written, the training continues without it: {e.Message}");
        }
    }

    private IEnumerable<(string Name, torch.Tensor Tensor)> Tensors() =>
    [
        .. _networks.SelectMany(n => n.State.Select(s => ($"{n.Name}.{s.Name}", s.Values))),
        .. _best?.State ?? [],
    ];

    // What older versions called a tensor of a network, or of the best weights so far.
    private string PresentName(string name)
    {
        foreach (TrainedNetwork network in _networks)
        {
            foreach (string prefix in (string[])[$"{network.Name}.", $"{BestWeights.Prefix}{network.Name}."])
            {
                if (name.StartsWith(prefix, StringComparison.Ordinal))
                    return prefix + network.PresentName(name[prefix.Length..]);
            }
        }

        return name;
    }

    private void CheckFrozenWeights(string path, CheckpointState state)
    {
        string[] differences = [.. _networks
            .Select((network, i) => (network.Name, Before: state.FrozenWeights?[i], Now: _frozen[i]))
            .Where(f => f.Before != f.Now)
            .Select(f => TrainingRun.Difference(
                $"the SHA-256 of the frozen weights of '{f.Name}', which are those of the base model,", f.Before ?? "none",
                f.Now ?? "none"))];
        if (differences.Length > 0)
            throw TrainingRun.Refuse(path, string.Join("; ", differences));
    }

    private void CheckData(string path, CheckpointState state)
    {
        if (state.Data.Length != _data.Length || state.Feeds.Length != _feeds.Length || state.NetworkSteps.Length != _networks.Length)
            throw TrainingRun.Refuse(path, "it has other sources of data or other networks");
        if (state.SourceStates is null && !state.IsFinished && _sources.Any)
            throw TrainingRun.Refuse(path, "it lacks the state of a source of data");

        string[] differences = [.. _data.Zip(state.Data)
            .Select(
                (pair, i) => (pair.First, pair.Second, What: i == _data.Length - 1 ? nameof(TrainingOptions.ValidationData) : "the data"))
            .Where(d => d.First != d.Second)
            .Select(d => TrainingRun.Difference(d.What, $"'{d.Second}'", $"'{d.First}'"))];
        if (differences.Length > 0)
            throw TrainingRun.Refuse(path, string.Join("; ", differences));
    }
}
