using System.Diagnostics;
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
/// The one loop that trains every model: it takes batches, computes the losses of each phase, follows their gradients, reports, validates,
/// saves and stops.
/// </summary>
internal sealed class TrainingLoop
{
    // What a canceled training may take to end its step, from where it can go on.
    private static readonly TimeSpan _timeToEndStep = TimeSpan.FromSeconds(10);

    private readonly TrainingRun _run;
    private readonly TrainingOptions _options;
    private readonly IReadOnlyList<TrainingPhase> _phases;
    private readonly Validator? _validator;
    private readonly TrainedNetwork[] _networks;
    private readonly BatchFeed[] _feeds;
    private readonly BatchFeed[] _feedOfPhase;
    private readonly TrainingMeter _meter;
    private readonly CheckpointSession? _checkpoints;
    private readonly BestWeights? _best;
    private readonly long _stepsPerEpoch;
    private readonly long _totalSteps;
    private readonly ITrainingPreview? _preview;
    private readonly ProcessGroup? _group;
    private readonly SharedReports? _shared;
    private readonly int _batchesPerStep;
    private readonly TensorReads _reads;
    private TensorBoardLog? _log;
    private double? _gradientNorm;
    private long _step;
    private long _firstStep;
    private bool _isWholeStep = true;
    private bool _isFinished;
    private int _takes;
    private long? _canceledAt;

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
        _run = run;
        _options = options ?? run.Options;
        _phases = phases;
        _group = run.Group;
        _shared = _group is null ? null : new SharedReports(_group);
        _preview = run.IsLeader ? preview : null;
        _batchesPerStep = checked(_options.GradientAccumulationSteps * run.Processes);
        _validator = validation is null ? null : new Validator(run, phases, validation);
        if (phases[0].Interval != 1)
            throw new ArgumentException($"The first phase runs in every step; its interval is {phases[0].Interval}.", nameof(phases));

        _feeds = [.. phases.Select(p => p.Batches).Distinct().Select(source => new BatchFeed(source))];
        _feedOfPhase = [.. phases.Select(p => _feeds.First(f => f.Source == p.Batches))];
        _networks = [.. phases.Select(p => p.Network).Distinct()];
        _stepsPerEpoch = StepsPerEpoch(phases, _batchesPerStep);
        _totalSteps = _options.StepsIn(_stepsPerEpoch);
        _meter = new TrainingMeter(_totalSteps, run.Device.ToString(), phases[0].Unit, stage, () => DeviceMemory.InUse(run.Device));
        // Several processes tell each other their losses in each step.
        _reads = new TensorReads(areDeferred: run.Device.type != DeviceType.CPU && _group is null);
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
        // A GPU's dropout has libtorch's own generator.
        using var dropout = new torch.Generator((ulong)_run.Seed);
        using IDisposable seededDropout = SeededDropout.Scope(_run.Device.type == DeviceType.CPU ? dropout : null);

        using TensorBoardLog? log =
            TensorBoardLog.Open(_run.IsLeader ? _run.Options.TensorBoardDirectory : null, _networks[0].Name);
        _log = log;

        progress.SetHeader(new ProgressHeader(["Loss"], ["steps"]), entry => entry.SetProgress(0, _meter.Step, _totalSteps));
        try
        {
            Start(channel);
            bool wasCancelled = !RunSteps(channel, progress, generator);
            if (_group is { Size: > 1, IsLeader: true, Times: { Exchanged: > 0 } times })
            {
                channel.Info(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Gradients were exchanged for {times.Exchanged:F1} s, {100 * times.HiddenShare:F0} % of it in backward passes."));
            }

            Finish(keepsBest: wasCancelled || _options.EarlyStoppingPatience is not null);
        }
        finally
        {
            _best?.Release();
            _reads.Clear();
            foreach (TrainedNetwork network in _networks)
                network.IsLearning = true;
        }
    }

    // False if the training was canceled and its best model so far is wanted.
    private bool RunSteps(IChannel channel, IProgressChannel progress, torch.Generator generator)
    {
        try
        {
            while (!_isFinished)
            {
                StopIfCancelled();
                _isWholeStep = false;
                RunStep(generator, out double learningRate);
                Report(channel, progress, learningRate);
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
                ? $"that of step {score.Step}, with validation loss {Text(score.Loss)}"
                : "that of this step";
            Inform(channel, $"Canceled after step {_step}: the model is {model}.");
            return false;
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
        _reads.Complete();
        foreach (TrainedNetwork network in _networks)
            network.GatherMoments();
        _checkpoints?.Save(channel, _step, _gradientNorm, isFinished);
        foreach (TrainedNetwork network in _networks)
            network.CloseMoments();
    }

    // Where one of several processes was canceled, all stop before the same step.
    private void StopIfCancelled()
    {
        if (_group is null)
            _run.StopIfCancelled();
        else if (_group.IsCanceled)
        {
            throw new OperationCanceledException(
                _group.IsTerminating ? TerminationRequest.Message : "The training was canceled.", _options.CancellationToken);
        }
    }

    // A step of many batches may take too long to be waited for, and is lost then. Several processes all end their steps.
    private void StopIfStepTakesLong()
    {
        if (_group is not null)
            return;
        try
        {
            _run.StopIfCancelled();
        }
        catch (OperationCanceledException)
        {
            _canceledAt ??= Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(_canceledAt.Value) > _timeToEndStep)
                throw;
        }
    }

    private void Start(IChannel channel)
    {
        foreach (TrainedNetwork network in _networks)
        {
            network.Module.train();
            if (!_run.IsLeader)
                continue;
            channel.Info(
                $"Training '{network.Name}' on {_run.Device} with {_run.Threads.Threads} threads in "
                + $"{MixedPrecision.Current ?? torch.ScalarType.Float32}: "
                + $"{network.ParameterCount:N0} "
                + $"parameters{(network.FrozenCount == 0 ? "" : $", {network.FrozenCount:N0} more are frozen")}, {_totalSteps:N0} steps.");
        }

        foreach (TrainedNetwork network in _checkpoints is null ? [] : _networks)
            network.OpenMoments();
        if (_checkpoints?.Resume(channel) is { } state)
        {
            (_step, _gradientNorm, _isFinished) = (state.Step, state.GradientNorm, state.IsFinished);
            _log?.Resume(_step);
            channel.Info(_isFinished ? $"The training had finished with step {_step}." : $"The training resumes after step {_step}.");
        }
        else if (_run.IsLeader)
        {
            foreach (BatchFeed feed in _feeds)
                feed.Start(default);
        }

        if (_group is not null)
        {
            (_step, _gradientNorm, _isFinished) =
                new SharedStart(_group, _networks, _feeds, _best, _meter).Share(_step, _gradientNorm, _isFinished);
        }

        _firstStep = _step;
        _meter.Start();
        _shared?.Exchange(_meter, _step, _run);
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

    private void Report(IChannel channel, IProgressChannel progress, double learningRate)
    {
        _isFinished = _step == _totalSteps;
        bool endsEpoch = _step % _stepsPerEpoch == 0 || _isFinished;
        bool isDue = endsEpoch || _meter.IsReportDue(_step);
        if (isDue)
            _reads.Complete();
        if (_run.IsLeader && isDue)
            WriteReport(channel, progress, learningRate, endsEpoch);
        else if (endsEpoch && _validator is not null)
            _best?.Offer(ShareValidation(0), _step);
        if (_run.IsLeader && _step == _firstStep + TrainingEstimate.Steps && !_isFinished)
            channel.Info(TrainingEstimate.Describe(_meter.Remaining(_step), _totalSteps, _run.Options, _run.Device.type));
        if (_preview is not null && (_options.PreviewInterval is { } interval ? _step % interval == 0 || _isFinished : endsEpoch))
            WritePreview(channel, _preview);

        if (_best?.Score is { } best && best.EpochsSince >= _options.EarlyStoppingPatience && !_isFinished)
        {
            _isFinished = true;
            Inform(
                channel,
                $"Stopped early: no validation loss below {Text(best.Loss)}, that of step {best.Step}, for {best.EpochsSince} epochs.");
        }
    }

    private void WriteReport(IChannel channel, IProgressChannel progress, double learningRate, bool endsEpoch)
    {
        // Taken before validation, which trains nothing.
        double samplesPerSecond = _meter.SamplesPerSecond(endsEpoch);
        ValidationScores? validation = null;
        if (endsEpoch && _validator is not null)
        {
            validation = Validate(_validator);
            _best?.Offer(ShareValidation(validation.Loss), _step);
        }

        TrainingProgress report =
            _meter.Report(_step, EpochOf(_step) + 1, endsEpoch, learningRate, samplesPerSecond, _gradientNorm, validation);
        progress.Checkpoint(report.Loss, _step);
        _options.Progress?.Report(report);
        _log?.Write(channel, report);
        if (_meter.TakeLine(endsEpoch))
            channel.Info(TrainingMeter.Describe(report));
    }

    // Process 0 validates, so that all of them decide alike when to stop.
    private double ShareValidation(double loss) => _group is null
        ? loss
        : BitConverter.ToDouble(_group.FromLeader("the end of a validation", BitConverter.GetBytes(loss)));

    private void Inform(IChannel channel, string message)
    {
        if (_run.IsLeader)
            channel.Info(message);
    }

    // Where a phase that shares the first one's batches runs in some steps only, its share of them is counted on average.
    private static long StepsPerEpoch(IReadOnlyList<TrainingPhase> phases, int accumulatedBatches)
    {
        IBatchSource source = phases[0].Batches;
        TrainingPhase[] sharing = [.. phases.Where(p => p.Batches == source)];
        Int128 steps = sharing.Aggregate(Int128.One, (product, p) => product * p.Interval);
        Int128 taken = sharing.Aggregate(Int128.Zero, (sum, p) => sum + steps / p.Interval * p.Repeats * accumulatedBatches);
        return (long)((source.BatchesPerEpoch * steps + taken - 1) / taken);
    }

    private int EpochOf(long step) => (int)((step - 1) / _stepsPerEpoch);

    private void RunStep(torch.Generator generator, out double learningRate)
    {
        long step = _step + 1;
        _reads.Add([], _ => _meter.BeginStep());
        _takes = 0;
        if (step > 1 && (step - 1) % _stepsPerEpoch == 0)
            _feeds[0].Start(new FeedPosition(EpochOf(step), 0));

        // Each step's noise is a function of the seed and its number, so that no generator's state has to be kept.
        TorchSeed.Reseed(SeedSequence.Derive(_run.Seed, 2 * step));
        SeededDropout.Current?.manual_seed(SeedSequence.Derive(_run.Seed, 2 * step));
        generator.manual_seed(SeedSequence.Derive(_run.Seed, 2 * step + 1));
        learningRate = LearningRates.At(_options, step, _totalSteps);
        var context = new StepContext(step, _totalSteps, IsTraining: true, generator, _run.Device);
        for (int i = 0; i < _phases.Count; i++)
        {
            if (step % _phases[i].Interval != 0)
                continue;
            LetLearn(_phases[i].Network);
            for (int repeat = 0; repeat < _phases[i].Repeats; repeat++)
            {
                StopIfStepTakesLong();
                using DisposeScope scope = torch.NewDisposeScope();
                List<StepBatch> batches = _feedOfPhase[i].Take(_batchesPerStep, _group?.Rank ?? 0, _group?.Size ?? 1);
                using IDisposable turn = _run.Threads.Turn();
                RunPhase(i, batches, context, learningRate);
            }
        }

        foreach (TrainedNetwork network in _networks)
            network.FlushAverages();
        _step = step;
        _meter.EndStep(step);
        _shared?.Exchange(_meter, step, _run);
    }

    // The gradients of the others would be thrown away.
    private void LetLearn(TrainedNetwork learning)
    {
        foreach (TrainedNetwork network in _networks)
            network.IsLearning = network == learning;
    }

    private void RunPhase(int index, List<StepBatch> batches, StepContext context, double learningRate)
    {
        TrainingPhase phase = _phases[index];
        TrainedNetwork network = phase.Network;
        network.ClearGradients();

        long weight = 0;
        foreach (StepBatch batch in batches)
            weight += batch.IsOwn ? batch.Batch!.Value.Weight : 0;
        double total = _run.Exchange.TotalWeight(weight);
        if ((weight > 0 || _group is not null) && phase.BeforeLosses is { } beforeLosses)
        {
            using IDisposable noGradient = torch.no_grad();
            beforeLosses(context, batches);
        }

        _takes++;
        if (batches.Count == 1 && _group is null)
        {
            SeedDropout(context.Step, 0);
            Learn(index, batches[0].Batch!.Value, total, context, learningRate);
        }
        else
        {
            LearnAsOne(index, batches, total, context, learningRate);
        }

        // A step in which no process has anything to learn moves no weights.
        if (total == 0)
            return;
        if (_group is null)
            network.ExchangeGradients(_run.Exchange);
        if (_options.GradientClipNorm is not null || phase.ReportsGradientNorm)
        {
            network.ClipGradients(_options.GradientClipNorm ?? double.PositiveInfinity, _reads, norm =>
            {
                if (!double.IsFinite(norm))
                    throw Diverged(network, context.Step, learningRate, "gradient", $"norm {Text(norm)}");
                if (index == 0)
                    _gradientNorm = norm;
                if (phase.ReportsGradientNorm)
                    _meter.Add($"gradient of {network.Name}", norm, Math.Max(1, weight));
            });
        }

        network.Update(learningRate * phase.LearningRateFactor);
        if (phase.AfterUpdate is { } afterUpdate)
        {
            using IDisposable noGradient = torch.no_grad();
            afterUpdate();
        }
    }

    // A step sees the rows of several batches as if in one.
    private void LearnAsOne(int index, List<StepBatch> batches, double total, StepContext context, double learningRate)
    {
        using var draws = new StepDraws(batches.Sum(b => (long)b.Rows));
        using var buffers = new StepBuffers(_networks.SelectMany(n => n.Averages), total);
        int last = batches.FindLastIndex(b => b.IsOwn && b.Batch!.Value.Weight > 0);
        for (int i = 0; i < batches.Count; i++)
        {
            StopIfStepTakesLong();
            (int rows, bool isOwn, TensorBatch? batch) = batches[i];
            if (batch is { } present)
            {
                SeedDropout(context.Step, i);
                buffers.BeginBatch();
                if (isOwn)
                {
                    BatchStatistics? statistics = SynchronizedStatistics(i, batches.Count);
                    using IDisposable? scope = statistics is null ? null : BatchStatistics.Scope(statistics);
                    if (i == last && statistics is null)
                        _phases[index].Network.Buckets?.Watch();
                    Learn(index, present, total, context with { Draws = draws }, learningRate);
                    statistics?.Check();
                }
                else
                    ComputeOnly(index, present, context with { Draws = draws, IsDiscarded = true });
                if (isOwn && present.Weight > 0)
                    buffers.EndBatch(present.Weight);
            }

            draws.EndBatch(rows);
        }

        // While gradients are on their way, the processes cannot meet for anything else.
        if (_group is not null && total > 0)
            _phases[index].Network.ExchangeGradients(_run.Exchange);
        buffers.EndStep(_group);
    }

    // The processes compute batches of consecutive numbers at the same time; at the end of an epoch the last ones have none.
    private BatchStatistics? SynchronizedStatistics(int batch, int batches)
    {
        if (_group is not { Size: > 1 } group || !_run.Options.Distributed!.SynchronizeBatchNormalization)
            return null;
        int processes = Math.Min(group.Size, batches - batch / group.Size * group.Size);
        return new BatchStatistics(values => group.SumOfFirst("the statistics of batch normalization", processes, values));
    }

    // Each batch of a step has dropout of its own, whatever process computes it. The first one has that of a step of one batch.
    private void SeedDropout(long step, int batch)
    {
        if (batch == 0 && _takes == 1)
            return;
        long seed = SeedSequence.Derive(SeedSequence.Derive(_run.Seed, 2 * step), (long)_takes * int.MaxValue + batch);
        TorchSeed.Reseed(seed);
        SeededDropout.Current?.manual_seed(seed);
    }

    // For the noise that it takes from the generator. With gradients, which losses may contain.
    private void ComputeOnly(int index, TensorBatch batch, StepContext context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        _phases[index].Losses(context, batch);
    }

    private void Learn(int index, TensorBatch batch, double total, StepContext context, double learningRate)
    {
        if (batch.Weight == 0)
            return;
        // Its own scope, so that only one batch's activations are alive: that is what accumulation is for.
        using DisposeScope scope = torch.NewDisposeScope();
        Losses losses = _phases[index].Losses(context, batch);
        (string[] names, long weightOfBatch, long samples) = ([.. losses.Terms.Select(t => t.Name)], batch.Weight, batch.Samples);
        _reads.Add([losses.Total, .. losses.Terms.Select(t => t.Value)], read =>
        {
            // A term that is no number has no rows of its kind in the batch.
            (string Name, double Value)[] terms = [.. names.Zip(read.Skip(1))];
            if (!double.IsFinite(read[0]))
                throw Diverged(_phases[index].Network, context.Step, learningRate, "loss", LossText(read[0], terms));
            terms = [.. terms.Where(t => !double.IsNaN(t.Value))];
            _meter.Add(read[0], terms, weightOfBatch, context.Step, isFirstPhase: index == 0, samples);
            _shared?.Add(read[0], terms, weightOfBatch, isFirstPhase: index == 0, samples);
        });

        // Each value weighs the same, whatever batch it is in.
        torch.Tensor part = batch.Weight == total ? losses.Total : losses.Total.Times(batch.Weight / total);
        _phases[index].Network.Buckets?.BeginBackward();
        part.backward();
        _phases[index].Network.Buckets?.EndBackward();
    }

    private InvalidOperationException Diverged(TrainedNetwork network, long step, double learningRate, string what, string values) => new(
        $"The {what} of '{network.Name}' stopped being finite in step {step} ({values}), at learning rate {Text(learningRate)}. " +
        $"Lower {nameof(TrainingOptions.LearningRate)}, add {nameof(TrainingOptions.WarmupSteps)} or " +
        $"{(_options.GradientClipNorm is null ? "set" : "lower")} {nameof(TrainingOptions.GradientClipNorm)}." +
        (_checkpoints?.LastSaved is { } saved ? $" The last checkpoint is '{saved}'." : ""));

    private static string LossText(double total, IEnumerable<(string Name, double Value)> terms) =>
        string.Join(", ", [$"total {Text(total)}", .. terms.Select(t => $"{t.Name} {Text(t.Value)}")]);

    private static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private void WritePreview(IChannel channel, ITrainingPreview preview)
    {
        TimeSpan start = _meter.Elapsed;
        Evaluate(generator =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            // The trained model computes in Float32.
            using IDisposable precision = MixedPrecision.Scope(null);
            IReadOnlyList<PreviewItem> items;
            using (_run.Threads.Turn())
                items = preview.Make(generator);
            new PreviewWriter(_log, _options.PreviewDirectory).Write(channel, _step, items);
            return true;
        });
        _meter.ExcludeFromSpeed(_meter.Elapsed - start);
    }

    private ValidationScores Validate(Validator validator) => Evaluate(generator =>
        validator.Score(new StepContext(_step, _totalSteps, IsTraining: false, generator, _run.Device), EvaluationSeed));

    private long EvaluationSeed => SeedSequence.Derive(_run.Seed, 1);

    // The same noise every time, so that two epochs' losses can be compared; none of the training's, so that it changes no model.
    private T Evaluate<T>(Func<torch.Generator, T> evaluate)
    {
        using IDisposable noGradient = torch.no_grad();
        using IDisposable seeded = TorchSeed.Scope(SeedSequence.Derive(_run.Seed, 0));
        using var generator = new torch.Generator((ulong)EvaluationSeed);
        SetEvaluation(true);
        try
        {
            return evaluate(generator);
        }
        finally
        {
            SetEvaluation(false);
        }
    }

    private void SetEvaluation(bool isOn)
    {
        foreach (TrainedNetwork network in _networks)
        {
            network.SwapEma();
            network.Module.train(!isOn);
        }
    }
}
