using System.Collections.ObjectModel;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Generative.Training.Checkpoints;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Averages losses between reports and measures speed.</summary>
internal sealed class TrainingMeter(long totalSteps, string device)
{
    private readonly WeightedMeans _terms = new();
    private readonly long _interval = Math.Clamp(totalSteps / 200, 1, 100);
    private readonly Stopwatch _watch = new();
    private double _lossSum;
    private long _weight;
    private TimeSpan _before;
    private TimeSpan _lastReport;
    private long _weightSinceReport;

    /// <summary>The last step that was measured.</summary>
    public long Step { get; private set; }

    /// <summary>Time trained, that before an interruption included.</summary>
    public TimeSpan Elapsed => _before + _watch.Elapsed;

    /// <summary>The sums since the last report.</summary>
    public MeterState State => new(_lossSum, _weight, _terms.State, Elapsed.Ticks);

    public void Start() => _watch.Start();

    /// <summary>Continues from a state, after as many steps.</summary>
    public void Resume(MeterState state, long step)
    {
        Step = step;
        (_lossSum, _weight) = (state.LossSum, state.Weight);
        _terms.Resume(state.Terms);
        _before = _lastReport = TimeSpan.FromTicks(state.ElapsedTicks);
    }

    public bool IsReportDue(long step) => step % _interval == 0;

    /// <summary>
    /// Adds a batch's losses. The first phase's total is the loss that is reported, and the weights of its batches make the speed.
    /// </summary>
    public void Add(Losses losses, double total, long weight, long step, bool isFirstPhase)
    {
        Step = step;
        if (isFirstPhase)
        {
            _lossSum += total * weight;
            _weight += weight;
            _weightSinceReport += weight;
        }

        foreach ((string name, torch.Tensor value) in losses.Terms)
            Add(name, value.ToDouble(), weight);
    }

    /// <summary>Adds a number that is reported beside the losses.</summary>
    public void Add(string name, double value, long weight) => _terms.Add(name, value, weight);

    /// <summary>Rows, or target tokens, per second since the last report, or since the training was resumed.</summary>
    public double SamplesPerSecond() => _weightSinceReport / Math.Max(1e-9, (Elapsed - _lastReport).TotalSeconds);

    /// <summary>Leaves time in which nothing was trained out of the next <see cref="SamplesPerSecond"/>.</summary>
    public void ExcludeFromSpeed(TimeSpan duration) => _lastReport += duration;

    public TrainingProgress Report(
        long step, int epoch, double learningRate, double samplesPerSecond, double? gradientNorm, ValidationScores? validation)
    {
        TimeSpan elapsed = Elapsed;
        var report = new TrainingProgress
        {
            Step = step,
            TotalSteps = totalSteps,
            Epoch = epoch,
            Loss = _lossSum / _weight,
            LossTerms = _terms.Means,
            ValidationLoss = validation?.Loss,
            ValidationTerms = validation?.Terms ?? ReadOnlyDictionary<string, double>.Empty,
            LearningRate = learningRate,
            GradientNorm = gradientNorm,
            SamplesPerSecond = samplesPerSecond,
            Elapsed = elapsed,
            Remaining = TimeSpan.FromSeconds(
                Math.Min(elapsed.TotalSeconds * (totalSteps - step) / step, TimeSpan.MaxValue.TotalSeconds / 2)),
            Device = device,
        };
        _lastReport = elapsed;
        _lossSum = 0;
        _weight = 0;
        _weightSinceReport = 0;
        _terms.Clear();
        return report;
    }

    public static string Describe(TrainingProgress report) => string.Create(CultureInfo.InvariantCulture,
        $"epoch {report.Epoch}, step {report.Step}/{report.TotalSteps}: loss "
        + $"{report.Loss:G6}{Terms(report.LossTerms)}{Validation(report)}, " +
        $"{report.SamplesPerSecond:N0} rows/s, {(long)report.Remaining.TotalHours:00}:{report.Remaining:mm\\:ss} left");

    private static string Terms(IReadOnlyDictionary<string, double> terms) => terms.Count == 0 ? ""
        : $" ({string.Join(", ", terms.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Key} {t.Value:G6}")))})";

    private static string Validation(TrainingProgress report) => report.ValidationLoss is { } loss
        ? string.Create(CultureInfo.InvariantCulture, $", validation {loss:G6}{Terms(report.ValidationTerms)}")
        : "";
}
