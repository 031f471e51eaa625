using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>
/// What steps leave for reports, of all processes of the training: losses and norms, which are read from the device when a report is due.
/// </summary>
internal sealed class StepMeasures
{
    private readonly TrainingRun _run;
    private readonly TrainingMeter _meter;
    private readonly SharedReports? _shared;

    public StepMeasures(TrainingRun run, TrainingMeter meter)
    {
        _run = run;
        _meter = meter;
        _shared = run.Group is null ? null : new SharedReports(run.Group);
        // Several processes tell each other their losses in each step.
        Reads = new TensorReads(areDeferred: run.Device.type != DeviceType.CPU && run.Group is null);
    }

    /// <summary>Numbers that wait on the device.</summary>
    public TensorReads Reads { get; }

    /// <summary>Begins to measure, after as many steps.</summary>
    public void Start(long step)
    {
        _meter.Start();
        _shared?.Exchange(_meter, step, _run);
    }

    public void BeginStep() => Reads.Add([], _ => _meter.BeginStep());

    /// <summary>Ends a step, in which all processes take part.</summary>
    public void EndStep(long step)
    {
        _meter.EndStep(step);
        _shared?.Exchange(_meter, step, _run);
    }

    /// <summary>Adds the losses of a batch.</summary>
    /// <param name="pass">The pass of a phase that the batch is part of.</param>
    /// <param name="losses">Its losses.</param>
    /// <param name="weight">What it weighs.</param>
    /// <param name="samples">What it counts in the speed.</param>
    public void Add(PhasePass pass, Losses losses, long weight, long samples)
    {
        string[] names = [.. losses.Terms.Select(t => t.Name)];
        Reads.Add([losses.Total, .. losses.Terms.Select(t => t.Value)], read =>
        {
            (string Name, double Value)[] terms = [.. names.Zip(read.Skip(1))];
            if (!double.IsFinite(read[0]))
                throw pass.Divergence.OfLoss(pass.Phase.Network, read[0], terms);
            // A term that is no number has no rows of its kind in the batch.
            terms = [.. terms.Where(t => !double.IsNaN(t.Value))];
            _meter.Add(read[0], terms, weight, pass.Context.Step, pass.IsFirstPhase, samples);
            _shared?.Add(read[0], terms, weight, pass.IsFirstPhase, samples);
        });
    }

    /// <summary>Adds the norm of a network's gradient to the numbers that are reported.</summary>
    public void AddGradientNorm(TrainedNetwork network, double norm, long weight) =>
        _meter.Add($"gradient of {network.Name}", norm, Math.Max(1, weight));
}
