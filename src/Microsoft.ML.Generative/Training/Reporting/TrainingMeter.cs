using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Generative.Training.Checkpoints;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Averages losses between reports and measures speed.</summary>
internal sealed class TrainingMeter(long totalSteps, string device)
{
    private readonly Dictionary<string, MeterTerm> _terms = [];
    private readonly long _interval = Math.Clamp(totalSteps / 200, 1, 100);
    private readonly Stopwatch _watch = new();
    private double _lossSum;
    private long _rows;
    private TimeSpan _before;
    private TimeSpan _lastReport;
    private long _rowsSinceReport;

    /// <summary>The last step that was measured.</summary>
    public long Step { get; private set; }

    /// <summary>Time trained, that before an interruption included.</summary>
    public TimeSpan Elapsed => _before + _watch.Elapsed;

    /// <summary>The sums since the last report.</summary>
    public MeterState State => new(_lossSum, _rows, new Dictionary<string, MeterTerm>(_terms), Elapsed.Ticks);

    public void Start() => _watch.Start();

    /// <summary>Goes on from a state, after so many steps.</summary>
    public void Resume(MeterState state, long step)
    {
        Step = step;
        (_lossSum, _rows) = (state.LossSum, state.Rows);
        foreach (var (name, term) in state.Terms)
            _terms[name] = term;
        _before = _lastReport = TimeSpan.FromTicks(state.ElapsedTicks);
    }

    public bool IsReportDue(long step) => step % _interval == 0;

    /// <summary>Adds a batch's losses. The first phase's total is the loss that is reported, and its rows are those that are counted.</summary>
    public void Add(Losses losses, double total, int rows, long step, bool isFirstPhase)
    {
        Step = step;
        if (isFirstPhase)
        {
            _lossSum += total * rows;
            _rows += rows;
            _rowsSinceReport += rows;
        }

        foreach ((string name, torch.Tensor value) in losses.Terms)
            Add(name, value.ToDouble(), rows);
    }

    /// <summary>Adds a number that is reported beside the losses.</summary>
    public void Add(string name, double value, long rows)
    {
        MeterTerm term = _terms.GetValueOrDefault(name);
        _terms[name] = new MeterTerm(term.Sum + value * rows, term.Rows + rows);
    }

    /// <summary>Rows per second since the last report, or since the training went on.</summary>
    public double SamplesPerSecond() => _rowsSinceReport / Math.Max(1e-9, (Elapsed - _lastReport).TotalSeconds);

    /// <summary>Leaves time in which nothing was trained out of the next <see cref="SamplesPerSecond"/>.</summary>
    public void ExcludeFromSpeed(TimeSpan duration) => _lastReport += duration;

    public TrainingProgress Report(long step, int epoch, double learningRate, double samplesPerSecond, double? gradientNorm, double? validationLoss)
    {
        TimeSpan elapsed = Elapsed;
        var report = new TrainingProgress
        {
            Step = step,
            TotalSteps = totalSteps,
            Epoch = epoch,
            Loss = _lossSum / _rows,
            LossTerms = _terms.ToDictionary(t => t.Key, t => t.Value.Sum / t.Value.Rows),
            ValidationLoss = validationLoss,
            LearningRate = learningRate,
            GradientNorm = gradientNorm,
            SamplesPerSecond = samplesPerSecond,
            Elapsed = elapsed,
            Remaining = TimeSpan.FromSeconds(Math.Min(elapsed.TotalSeconds * (totalSteps - step) / step, TimeSpan.MaxValue.TotalSeconds / 2)),
            Device = device,
        };
        _lastReport = elapsed;
        _lossSum = 0;
        _rows = 0;
        _rowsSinceReport = 0;
        _terms.Clear();
        return report;
    }

    public static string Describe(TrainingProgress report) => string.Create(CultureInfo.InvariantCulture,
        $"epoch {report.Epoch}, step {report.Step}/{report.TotalSteps}: loss {report.Loss:G6}{Terms(report)}{Validation(report)}, " +
        $"{report.SamplesPerSecond:N0} rows/s, {(long)report.Remaining.TotalHours:00}:{report.Remaining:mm\\:ss} left");

    private static string Terms(TrainingProgress report) => report.LossTerms.Count == 0 ? ""
        : $" ({string.Join(", ", report.LossTerms.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Key} {t.Value:G6}")))})";

    private static string Validation(TrainingProgress report) =>
        report.ValidationLoss is { } loss ? string.Create(CultureInfo.InvariantCulture, $", validation {loss:G6}") : "";
}
