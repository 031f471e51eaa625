using System.Globalization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Devices;
using Microsoft.ML.Generative.Training.Checkpoints;
using Microsoft.ML.Generative.Training.Distributed;
using Microsoft.ML.Generative.Training.Reporting;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// The one loop that trains every model: from the start, or where a checkpoint was, step after step, with what comes between steps
/// (reports, validations, checkpoints), until it is finished, stops early or is canceled. A <see cref="TrainingStep"/> is what learns.
/// </summary>
internal sealed class TrainingLoop
{
    private readonly TrainingRun _run;
    private readonly TrainingOptions _options;
    private readonly StepPlan _plan;
    private readonly TrainedNetwork[] _networks;
    private readonly BatchFeed[] _feeds;
    private readonly ITrainingPreview? _preview;
    private readonly ProcessGroup? _group;
    private readonly Validator? _validator;
    private readonly EvaluationMode _evaluation;
    private readonly TrainingMeter _meter;
    private readonly StepMeasures _measures;
    private readonly BestWeights? _best;
    private readonly CheckpointSession? _checkpoints;
    private readonly TrainingCancellation _cancellation;
    private readonly TrainingStep _learning;
    private long _step;
    private long _firstStep;
    private bool _isWholeStep = true;
    private bool _isFinished;

    /// <param name="run">The call of <c>Fit</c>: device, seed, options, checkpoints.</param>
    /// <param name="phases">
    /// What a step does, in order. The first phase's source defines the epoch, its network's name the loop's checkpoints.
    /// </param>
    /// <param name="validation">
    /// Batches that are scored at the end of each epoch, with the losses of the first phase and of those that validate.
    /// </param>
    /// <param name="options">Options of this loop, where a model is trained in several. Default: the run's.</param>
    /// <param name="preview">
    /// Shows what the model has learned, at the end of each epoch or every <see cref="TrainingOptions.PreviewInterval"/> steps. It changes
    /// no model.
    /// </param>
    /// <param name="stage">The loop's part of a training that has several.</param>
    /// <exception cref="InvalidOperationException">The checkpoints are of a training with other data.</exception>
    public TrainingLoop(
        TrainingRun run, IReadOnlyList<TrainingPhase> phases, IBatchSource? validation, TrainingOptions? options = null,
        ITrainingPreview? preview = null, TrainingStage stage = default)
    {
        if (phases[0].Interval != 1)
        {
            throw new ArgumentException(
                $"The first phase runs in every step, and its interval is {phases[0].Interval}; expected 1.", nameof(phases));
        }

        _run = run;
        _options = options ?? run.Options;
        _preview = preview;
        _group = run.Group;
        _networks = [.. phases.Select(p => p.Network).Distinct()];
        _feeds = [.. phases.Select(p => p.Batches).Distinct().Select(source => new BatchFeed(source))];
        _validator = validation is null ? null : new Validator(run, phases, validation);
        _evaluation = new EvaluationMode(run.Seed, _networks);
        _plan = new StepPlan(_options, phases, run.Processes);
        _meter = new TrainingMeter(
            _plan.TotalSteps, run.Device.ToString(), phases[0].Unit, stage, () => DeviceMemory.InUse(run.Device), run.Clock);
        _measures = new StepMeasures(run, _meter);
        if (validation is not null
            && _options.ValidationChoosesModel
            && (_options.EarlyStoppingPatience is not null || _options.OnCancel == CancellationBehavior.KeepBest))
            _best = new BestWeights(_networks);
        if (_group is not null)
        {
            foreach (TrainedNetwork network in _networks)
                network.UseBuckets(_group, _run.Options.Distributed!.BucketSize);
        }

        _group?.CheckSources(_feeds.Select(f => f.Source), validation);
        if (run.Checkpoints is { } folder)
            _checkpoints = new CheckpointSession(run, folder, _networks[0].Name, _networks, _feeds, validation, _meter, _best);
        _cancellation = new TrainingCancellation(run, _options.CancellationToken);
        _learning = new TrainingStep(run, _options, _plan, phases, _feeds, _networks, _measures, _checkpoints, _cancellation);
    }

    /// <summary>
    /// Trains, from the newest checkpoint if there is one. Afterwards the networks hold their final weights (the moving average if there is
    /// one, the best epoch's if the training stops early) and are in evaluation mode.
    /// </summary>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    /// <exception cref="InvalidOperationException">
    /// A loss stopped being finite; on a CPU its network keeps the weights it had before that step, on a GPU this is found out with the
    /// next report.
    /// </exception>
    public void Run()
    {
        using IChannel channel = _run.Host.Start("Training");
        using IProgressChannel progress = _run.Host.StartProgressChannel("Training");
        using IDisposable gradients = torch.enable_grad();
        using IDisposable seeded = TorchSeed.Scope(_run.Seed);
        using IDisposable precision = MixedPrecision.Scope(MixedPrecision.Choose(_options.Precision, _run.Device.type));
        using IDisposable? products =
            _options.Precision == ComputePrecision.TensorFloat32 && _run.Device.type == DeviceType.CUDA ? TensorFloat32.Scope() : null;
        using var generator = new torch.Generator((ulong)_run.Seed);
        using var dropout = new torch.Generator((ulong)_run.Seed);
        using IDisposable seededDropout = SeededDropout.Scope(dropout);
        using TensorBoardLog? log =
            TensorBoardLog.Open(_run.IsLeader ? _run.Options.TensorBoardDirectory : null, _networks[0].Name);
        var reporter = new TrainingReporter(_run, _options, _plan, _meter, _evaluation, _preview, channel, progress, log);
        try
        {
            Start(channel, reporter);
            bool wasCanceled = !RunSteps(channel, reporter, generator);
            if (_group is { Size: > 1, IsLeader: true, Times: { Exchanged: > 0 } times })
            {
                channel.Info(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Gradients were exchanged for {times.Exchanged:F1} s, {100 * times.HiddenShare:F0} % of it in backward passes."));
            }

            Finish(keepsBest: wasCanceled || _options.EarlyStoppingPatience is not null);
        }
        finally
        {
            _best?.Release();
            _measures.Reads.Clear();
            foreach (TrainedNetwork network in _networks)
                network.IsLearning = true;
        }
    }

    private void Start(IChannel channel, TrainingReporter reporter)
    {
        foreach (TrainedNetwork network in _networks)
        {
            network.Module.train();
            reporter.Begin(network);
        }

        foreach (TrainedNetwork network in _checkpoints is null ? [] : _networks)
            network.OpenMoments();
        if (_checkpoints?.Resume(channel) is { } state)
        {
            (_step, _learning.GradientNorm, _isFinished) = (state.Step, state.GradientNorm, state.IsFinished);
            reporter.Resume(_step, _isFinished);
        }
        else if (_run.IsLeader)
        {
            foreach (BatchFeed feed in _feeds)
                feed.Start(default);
        }

        if (_group is not null)
        {
            (_step, _learning.GradientNorm, _isFinished) =
                new SharedStart(_group, _networks, _feeds, _best, _meter).Share(_step, _learning.GradientNorm, _isFinished);
        }

        _firstStep = _step;
        _measures.Start(_step);
    }

    // False if the training was canceled and its best model so far is wanted.
    private bool RunSteps(IChannel channel, TrainingReporter reporter, torch.Generator generator)
    {
        try
        {
            while (!_isFinished)
            {
                _cancellation.StopBeforeStep();
                _isWholeStep = false;
                _learning.Run(_step + 1, generator);
                _step++;
                EndStep(reporter);
                bool isCheckpointDue = IsCheckpointDue();
                _isWholeStep = true;
                if (isCheckpointDue)
                    SaveCheckpoint(channel, _isFinished);
            }

            return true;
        }
        catch (Exception e) when (OutOfMemory.Is(e))
        {
            throw OutOfMemory.Explain(e, _options, _run.Device, _step + 1);
        }
        catch (OperationCanceledException)
        {
            _group?.Cancel(_run.IsTerminating);
            // In the middle of a step or a validation there is no state to go on from.
            if (_isWholeStep && _run.Options.Checkpoints is not null)
                SaveCheckpoint(channel, isFinished: false);

            // A process that has to end has no use for a model that is not done.
            if (_group?.IsTerminating ?? _run.IsTerminating)
                throw;
            bool isAskedFor = _options.CancellationToken.IsCancellationRequested || _group is not null;
            if (_options.OnCancel != CancellationBehavior.KeepBest || !isAskedFor || _step == 0)
                throw;
            string model = _best?.Score is { } score
                ? $"that of step {score.Step}, with validation loss {ShortNumber.Text(score.Loss)}"
                : "that of this step";
            reporter.Inform($"Canceled after step {_step}: the model is {model}.");
            return false;
        }
    }

    private void EndStep(TrainingReporter reporter)
    {
        _isFinished = _plan.IsLast(_step);
        bool endsEpoch = _plan.EndsEpoch(_step);
        bool isReportDue = endsEpoch || _meter.IsReportDue(_step);
        if (isReportDue)
            _measures.Reads.Complete();
        // Before a validation, which trains nothing.
        double samplesPerSecond = isReportDue ? _meter.SamplesPerSecond(endsEpoch) : 0;
        ValidationScores? validation = endsEpoch && _validator is not null ? Validate(_validator) : null;
        if (_run.IsLeader && isReportDue)
            reporter.Report(_step, endsEpoch, samplesPerSecond, _learning.GradientNorm, validation);
        reporter.Estimate(_step, _firstStep);
        reporter.Preview(_step);
        StopEarly(reporter);
    }

    // Process 0 validates, so that all of them decide alike when to stop.
    private ValidationScores? Validate(Validator validator)
    {
        ValidationScores? scores = !_run.IsLeader ? null : _evaluation.Run(generator => validator.Score(
            new StepContext(_step, _plan.TotalSteps, IsTraining: false, generator, _run.Device), _evaluation.Seed));
        if (_best is not null)
        {
            double loss = scores?.Loss ?? 0;
            if (_group is not null)
                loss = BitConverter.ToDouble(_group.FromLeader("the end of a validation", BitConverter.GetBytes(loss)));
            _best.Offer(loss, _step);
        }

        return scores;
    }

    private void StopEarly(TrainingReporter reporter)
    {
        if (_best?.Score is { } best && best.EpochsSince >= _options.EarlyStoppingPatience && !_isFinished)
        {
            _isFinished = true;
            reporter.Inform(
                $"Stopped early: no validation loss below {ShortNumber.Text(best.Loss)}, that of step {best.Step}, "
                + $"for {best.EpochsSince} epochs.");
        }
    }

    // Process 0 knows when; where processes share the optimizer's state, all take part.
    private bool IsCheckpointDue()
    {
        bool isDue = _checkpoints?.IsDue(_step, _isFinished) == true;
        return _run.Shards is { } group && _run.Options.Checkpoints is not null
            ? group.FromLeader("the end of a step", [isDue ? (byte)1 : (byte)0])[0] != 0
            : isDue;
    }

    private void SaveCheckpoint(IChannel channel, bool isFinished)
    {
        _measures.Reads.Complete();
        foreach (TrainedNetwork network in _networks)
            network.GatherMoments();
        _checkpoints?.Save(channel, _step, _learning.GradientNorm, isFinished);
        foreach (TrainedNetwork network in _networks)
            network.CloseMoments();
    }

    private void Finish(bool keepsBest)
    {
        if (keepsBest && _best?.Score is not null)
            _best.Restore();
        // To the bit, also where the processors of the processes round differently.
        _group?.Broadcast("the trained weights", _networks.SelectMany(n => n.EvaluationState).Select(s => s.Values));
        foreach (TrainedNetwork network in _networks)
        {
            network.SwapEma();
            network.Module.eval();
        }
    }
}
