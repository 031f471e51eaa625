using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Reports how a loop is doing: in the log, to the options' listener, in TensorBoard and by previews.</summary>
internal sealed class TrainingReporter
{
    private readonly TrainingRun _run;
    private readonly TrainingOptions _options;
    private readonly StepPlan _plan;
    private readonly TrainingMeter _meter;
    private readonly EvaluationMode _evaluation;
    private readonly ITrainingPreview? _preview;
    private readonly IChannel _channel;
    private readonly TensorBoardLog? _log;
    private volatile TrainingProgress? _lastReport;

    /// <param name="run">The device, and whether this process is the one that reports.</param>
    /// <param name="options">The loop's options.</param>
    /// <param name="plan">The loop's steps.</param>
    /// <param name="meter">What is reported.</param>
    /// <param name="evaluation">Shows the model in previews.</param>
    /// <param name="preview">Makes them.</param>
    /// <param name="channel">Receives lines.</param>
    /// <param name="progress">Shows steps and losses.</param>
    /// <param name="log">TensorBoard's, if there is one.</param>
    public TrainingReporter(
        TrainingRun run, TrainingOptions options, StepPlan plan, TrainingMeter meter, EvaluationMode evaluation,
        ITrainingPreview? preview, IChannel channel, IProgressChannel progress, TensorBoardLog? log)
    {
        _run = run;
        _options = options;
        _plan = plan;
        _meter = meter;
        _evaluation = evaluation;
        _preview = run.IsLeader ? preview : null;
        _channel = channel;
        _log = log;
        // Whoever shows progress asks for it. A checkpoint of each report would stay in the context for ever where nobody does.
        progress.SetHeader(new ProgressHeader(["Loss"], ["steps"]), entry =>
        {
            entry.SetProgress(0, meter.Step, plan.TotalSteps);
            if (_lastReport is { } report)
                entry.SetMetric(0, report.Loss);
        });
    }

    /// <summary>Writes a line in the log, of one process of several.</summary>
    public void Inform(string message)
    {
        if (_run.IsLeader)
            _channel.Info(message);
    }

    /// <summary>Says what is trained, where and for how long.</summary>
    public void Begin(TrainedNetwork network) => Inform(
        $"Training '{network.Name}' on {_run.Device} with {_run.Threads.Threads} threads in "
        + $"{MixedPrecision.Current ?? torch.ScalarType.Float32}: "
        + $"{network.ParameterCount:N0} "
        + $"parameters{(network.FrozenCount == 0 ? "" : $", {network.FrozenCount:N0} more are frozen")}, {_plan.TotalSteps:N0} steps.");

    /// <summary>Continues after a step that an earlier process has reported.</summary>
    public void Resume(long step, bool isFinished)
    {
        _log?.Resume(step);
        _channel.Info(isFinished ? $"The training had finished with step {step}." : $"The training resumes after step {step}.");
    }

    /// <summary>Reports losses, speed and what a validation gave.</summary>
    /// <param name="step">The step that was done.</param>
    /// <param name="endsEpoch">Whether it ends an epoch.</param>
    /// <param name="samplesPerSecond">Measured before the validation, which trains nothing.</param>
    /// <param name="gradientNorm">Of the step.</param>
    /// <param name="validation">Its results, if there was one.</param>
    public void Report(long step, bool endsEpoch, double samplesPerSecond, double? gradientNorm, ValidationScores? validation)
    {
        TrainingProgress report = _meter.Report(
            step, _plan.EpochOf(step) + 1, endsEpoch, _plan.LearningRate(step), samplesPerSecond, gradientNorm, validation);
        _lastReport = report;
        _options.Progress?.Report(report);
        _log?.Write(_channel, report);
        if (_meter.TakeLine(endsEpoch))
            _channel.Info(TrainingMeter.Describe(report));
    }

    /// <summary>Says how long the training will take, once this is known.</summary>
    /// <param name="step">The step that was done.</param>
    /// <param name="firstStep">The step that this process began after.</param>
    public void Estimate(long step, long firstStep)
    {
        if (step == firstStep + TrainingEstimate.Steps && !_plan.IsLast(step))
            Inform(TrainingEstimate.Describe(_meter.Remaining(step), _plan.TotalSteps, _run.Options, _run.Device.type));
    }

    /// <summary>Writes a preview of what the model has learned, where one is due after a step.</summary>
    public void Preview(long step)
    {
        bool isDue = _options.PreviewInterval is { } interval ? step % interval == 0 || _plan.IsLast(step) : _plan.EndsEpoch(step);
        if (_preview is null || !isDue)
            return;
        TimeSpan start = _meter.Elapsed;
        _evaluation.Run(generator =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            // The trained model computes in Float32.
            using IDisposable precision = MixedPrecision.Scope(null);
            IReadOnlyList<PreviewItem> items;
            using (_run.Threads.Turn())
                items = _preview.Make(generator);
            new PreviewWriter(_log, _options.PreviewDirectory).Write(_channel, step, items);
            return true;
        });
        _meter.ExcludeFromSpeed(_meter.Elapsed - start);
    }
}
