using System.Globalization;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// The one loop that trains every model: it draws batches, asks each phase for its losses, follows their gradients, reports, validates
/// and stops when it is told to.
/// </summary>
internal sealed class TrainingLoop
{
    private readonly IHost _host;
    private readonly TrainingOptions _options;
    private readonly IReadOnlyList<TrainingPhase> _phases;
    private readonly IBatchSource? _validation;
    private readonly torch.Device _device;
    private readonly long _seed;
    private readonly TrainedNetwork[] _networks;
    private readonly BatchFeed[] _feeds;
    private readonly BatchFeed[] _feedOfPhase;
    private readonly TrainingMeter _meter;
    private readonly long _stepsPerEpoch;
    private readonly long _totalSteps;
    private double? _gradientNorm;

    /// <param name="host">Receives messages and says when to stop.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="phases">What a step does, in order. The first phase's source defines the epoch.</param>
    /// <param name="validation">Batches scored with the first phase's losses at the end of each epoch.</param>
    /// <param name="device">Where the networks are.</param>
    /// <param name="seed">Seed of noise and dropout.</param>
    public TrainingLoop(
        IHost host, TrainingOptions options, IReadOnlyList<TrainingPhase> phases, IBatchSource? validation, torch.Device device, long seed)
    {
        _host = host;
        _options = options;
        _phases = phases;
        _validation = validation;
        _device = device;
        _seed = seed;

        _feeds = [.. phases.Select(p => p.Batches).Distinct().Select(source => new BatchFeed(source))];
        _feedOfPhase = [.. phases.Select(p => _feeds.First(f => f.Source == p.Batches))];
        _networks = [.. phases.Select(p => p.Network).Distinct()];
        long drawsPerStep = phases.Where(p => p.Batches == phases[0].Batches).Sum(p => (long)p.Repeats * options.GradientAccumulationSteps);
        _stepsPerEpoch = (phases[0].Batches.BatchesPerEpoch + drawsPerStep - 1) / drawsPerStep;
        _totalSteps = options.MaxSteps ?? checked(options.Epochs * _stepsPerEpoch);
        _meter = new TrainingMeter(_totalSteps, device.ToString());
    }

    /// <summary>Trains. Afterwards the networks hold their final weights, the moving average if there is one, and are in evaluation mode.</summary>
    /// <exception cref="OperationCanceledException">The training was cancelled.</exception>
    /// <exception cref="InvalidOperationException">A loss stopped being finite; its network keeps the weights it had before that step.</exception>
    public void Run()
    {
        using IChannel channel = _host.Start("Training");
        using IProgressChannel progress = _host.StartProgressChannel("Training");
        using IDisposable threads = TorchThreads.Scope(_options.Threads);
        using IDisposable gradients = torch.enable_grad();
        using IDisposable seeded = TorchSeed.Scope(SeedSequence.Derive(_seed, 1));
        using var generator = new torch.Generator((ulong)SeedSequence.Derive(_seed, 2));

        progress.SetHeader(new ProgressHeader(["Loss"], ["steps"]), entry => entry.SetProgress(0, _meter.Step, _totalSteps));
        foreach (TrainedNetwork network in _networks)
        {
            network.Module.train();
            channel.Info(
                $"Training '{network.Name}' on {_device} with {torch.get_num_threads()} threads: {network.ParameterCount:N0} parameters, {_totalSteps:N0} steps.");
        }

        foreach (BatchFeed feed in _feeds)
            feed.Start(epoch: 0);
        _meter.Start();
        for (long step = 1; step <= _totalSteps; step++)
        {
            StopIfCancelled();

            int epoch = (int)((step - 1) / _stepsPerEpoch);
            if (step > 1 && (step - 1) % _stepsPerEpoch == 0)
                _feeds[0].Start(epoch);
            double learningRate = LearningRates.At(_options, step, _totalSteps);
            RunStep(new StepContext(step, _totalSteps, IsTraining: true, generator, _device), learningRate);

            bool endsEpoch = step % _stepsPerEpoch == 0 || step == _totalSteps;
            if (!endsEpoch && !_meter.IsReportDue(step))
                continue;

            // Taken before validation, which trains nothing.
            double samplesPerSecond = _meter.SamplesPerSecond();
            double? validationLoss = endsEpoch && _validation is not null ? Validate(step) : null;
            TrainingProgress report = _meter.Report(step, epoch + 1, learningRate, samplesPerSecond, _gradientNorm, validationLoss);
            progress.Checkpoint(report.Loss, step);
            _options.Progress?.Report(report);
            if (endsEpoch)
                channel.Info(TrainingMeter.Describe(report));
        }

        foreach (TrainedNetwork network in _networks)
        {
            network.SwapEma();
            network.Module.eval();
        }
    }

    private void StopIfCancelled()
    {
        _host.CheckAlive();
        _options.CancellationToken.ThrowIfCancellationRequested();
    }

    private void RunStep(StepContext context, double learningRate)
    {
        for (int i = 0; i < _phases.Count; i++)
        {
            for (int repeat = 0; repeat < _phases[i].Repeats; repeat++)
            {
                using DisposeScope scope = torch.NewDisposeScope();
                RunPhase(i, _feedOfPhase[i].Draw(_options.GradientAccumulationSteps), context, learningRate);
            }
        }
    }

    private void RunPhase(int index, List<TensorBatch> batches, StepContext context, double learningRate)
    {
        TrainingPhase phase = _phases[index];
        TrainedNetwork network = phase.Network;
        network.ClearGradients();

        long rows = 0;
        foreach (TensorBatch batch in batches)
            rows += batch.Rows;
        foreach (TensorBatch batch in batches)
        {
            // Its own scope, so that only one batch's activations are alive: that is what accumulation is for.
            using DisposeScope scope = torch.NewDisposeScope();
            Losses losses = phase.Losses(context, batch);
            double total = losses.Total.ToDouble();
            if (!double.IsFinite(total))
                throw Diverged(network, context.Step, learningRate, "loss", LossText(losses, total));
            _meter.Add(losses, total, batch.Rows, context.Step, isFirstPhase: index == 0);

            // Each row weighs the same, whatever batch it came in.
            torch.Tensor part = batches.Count == 1 ? losses.Total : losses.Total * ((double)batch.Rows / rows);
            part.backward();
        }

        if (_options.GradientClipNorm is { } maxNorm)
        {
            double norm = network.ClipGradients(maxNorm);
            if (!double.IsFinite(norm))
                throw Diverged(network, context.Step, learningRate, "gradient", $"norm {Text(norm)}");
            if (index == 0)
                _gradientNorm = norm;
        }

        network.Update(learningRate);
    }

    private InvalidOperationException Diverged(TrainedNetwork network, long step, double learningRate, string what, string values) => new(
        $"The {what} of '{network.Name}' stopped being finite in step {step} ({values}), at learning rate {Text(learningRate)}. " +
        $"Lower {nameof(TrainingOptions.LearningRate)}, add {nameof(TrainingOptions.WarmupSteps)} or " +
        $"{(_options.GradientClipNorm is null ? "set" : "lower")} {nameof(TrainingOptions.GradientClipNorm)}.");

    private static string LossText(Losses losses, double total) =>
        string.Join(", ", [$"total {Text(total)}", .. losses.Terms.Select(t => $"{t.Name} {Text(t.Value.ToDouble())}")]);

    private static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    // The same noise every time, so that two epochs' losses can be compared; none of the training's, so that validation changes no model.
    private double Validate(long step)
    {
        using IDisposable noGradient = torch.no_grad();
        using IDisposable seeded = TorchSeed.Scope(SeedSequence.Derive(_seed, 3));
        using var generator = new torch.Generator((ulong)SeedSequence.Derive(_seed, 3));
        SetEvaluation(true);
        try
        {
            var context = new StepContext(step, _totalSteps, IsTraining: false, generator, _device);
            (double sum, long rows) = (0, 0);
            _validation!.StartEpoch(0);
            for (long i = 0; i < _validation.BatchesPerEpoch; i++)
            {
                StopIfCancelled();
                using DisposeScope scope = torch.NewDisposeScope();
                TensorBatch batch = _validation.Next();
                sum += _phases[0].Losses(context, batch).Total.ToDouble() * batch.Rows;
                rows += batch.Rows;
            }

            return sum / rows;
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
