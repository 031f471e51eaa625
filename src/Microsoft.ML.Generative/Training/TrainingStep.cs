using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Training.Checkpoints;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// One step of a loop: each phase takes its batches, computes the gradient of their losses and moves its network's weights.
/// </summary>
internal sealed class TrainingStep
{
    private readonly TrainingRun _run;
    private readonly TrainingOptions _options;
    private readonly StepPlan _plan;
    private readonly IReadOnlyList<TrainingPhase> _phases;
    private readonly IReadOnlyList<BatchFeed> _feeds;
    private readonly BatchFeed[] _feedOfPhase;
    private readonly IReadOnlyList<TrainedNetwork> _networks;
    private readonly StepMeasures _measures;
    private readonly CheckpointSession? _checkpoints;
    private readonly TrainingCancellation _cancellation;
    private readonly StepGradients _gradients;

    /// <param name="run">Device, seed, processes.</param>
    /// <param name="options">The loop's options.</param>
    /// <param name="plan">The loop's steps.</param>
    /// <param name="phases">What a step does, in order.</param>
    /// <param name="feeds">The sources of the phases, the first phase's first.</param>
    /// <param name="networks">The networks of the phases.</param>
    /// <param name="measures">Receives losses and norms.</param>
    /// <param name="checkpoints">What can be continued from, which errors name.</param>
    /// <param name="cancellation">Stops within a long step.</param>
    public TrainingStep(
        TrainingRun run, TrainingOptions options, StepPlan plan, IReadOnlyList<TrainingPhase> phases, IReadOnlyList<BatchFeed> feeds,
        IReadOnlyList<TrainedNetwork> networks, StepMeasures measures, CheckpointSession? checkpoints, TrainingCancellation cancellation)
    {
        _run = run;
        _options = options;
        _plan = plan;
        _phases = phases;
        _feeds = feeds;
        _feedOfPhase = [.. phases.Select(p => feeds.First(f => f.Source == p.Batches))];
        _networks = networks;
        _measures = measures;
        _checkpoints = checkpoints;
        _cancellation = cancellation;
        _gradients = new StepGradients(run, networks, measures, cancellation);
    }

    /// <summary>The norm of the first phase's gradient in the last step, where gradients are clipped or their norms reported.</summary>
    public double? GradientNorm { get; set; }

    /// <summary>Takes a step.</summary>
    /// <param name="step">Its number, from 1.</param>
    /// <param name="generator">The training's source of noise.</param>
    /// <exception cref="InvalidOperationException">A loss or a gradient is not finite.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled, and the step takes long.</exception>
    public void Run(long step, torch.Generator generator)
    {
        _measures.BeginStep();
        if (_plan.BeginsLaterEpoch(step))
            _feeds[0].Start(new FeedPosition(_plan.EpochOf(step), 0));

        // Each step's noise is a function of the seed and its number, so that no generator's state has to be kept.
        SeededDropout.Reseed(SeedSequence.Derive(_run.Seed, 2 * step));
        generator.manual_seed(SeedSequence.Derive(_run.Seed, 2 * step + 1));
        double learningRate = _plan.LearningRate(step);
        var divergence = new Divergence(step, learningRate, _options.GradientClipNorm, _checkpoints?.LastSaved);
        var context = new StepContext(step, _plan.TotalSteps, IsTraining: true, generator, _run.Device);
        int passes = 0;
        for (int i = 0; i < _phases.Count; i++)
        {
            if (step % _phases[i].Interval != 0)
                continue;
            LetLearn(_phases[i].Network);
            for (int repeat = 0; repeat < _phases[i].Repeats; repeat++)
            {
                _cancellation.StopWithinLongStep();
                using DisposeScope scope = torch.NewDisposeScope();
                List<StepBatch> batches = _feedOfPhase[i].Take(_plan.BatchesPerStep, _run.Group?.Rank ?? 0, _run.Group?.Size ?? 1);
                using IDisposable turn = _run.Threads.Turn();
                Pass(new PhasePass(_phases[i], IsFirstPhase: i == 0, ++passes, learningRate, context, divergence), batches);
            }
        }

        foreach (TrainedNetwork network in _networks)
            network.FlushAverages();
        _measures.EndStep(step);
    }

    // The gradients of the others would be thrown away.
    private void LetLearn(TrainedNetwork learning)
    {
        foreach (TrainedNetwork network in _networks)
            network.IsLearning = network == learning;
    }

    private void Pass(PhasePass pass, List<StepBatch> batches)
    {
        TrainingPhase phase = pass.Phase;
        TrainedNetwork network = phase.Network;
        network.ClearGradients();

        long weight = batches.Where(b => b.IsOwn).Sum(b => b.Batch!.Value.Weight);
        pass = pass with { TotalWeight = _run.Exchange.TotalWeight(weight) };
        if ((weight > 0 || _run.Group is not null) && phase.BeforeLosses is { } beforeLosses)
        {
            using IDisposable noGradient = torch.no_grad();
            beforeLosses(pass.Context, batches);
        }

        _gradients.Compute(pass, batches);
        // A step in which no process has anything to learn moves no weights.
        if (pass.TotalWeight == 0)
            return;
        if (_options.GradientClipNorm is not null || phase.ReportsGradientNorm)
            Clip(pass, weight);
        network.Update(pass.LearningRate * phase.LearningRateFactor);
        if (phase.AfterUpdate is { } afterUpdate)
        {
            using IDisposable noGradient = torch.no_grad();
            afterUpdate();
        }
    }

    private void Clip(PhasePass pass, long weight)
    {
        TrainedNetwork network = pass.Phase.Network;
        network.ClipGradients(_options.GradientClipNorm ?? double.PositiveInfinity, _measures.Reads, norm =>
        {
            if (!double.IsFinite(norm))
                throw pass.Divergence.OfGradient(network, norm);
            if (pass.IsFirstPhase)
                GradientNorm = norm;
            if (pass.Phase.ReportsGradientNorm)
                _measures.AddGradientNorm(network, norm, weight);
        });
    }
}
