using System.Collections.ObjectModel;
using System.Globalization;
using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Averages losses, measures speed, and knows when a report is due.</summary>
/// <param name="totalSteps">The steps of the loop.</param>
/// <param name="device">The device that trains.</param>
/// <param name="unit">What the samples of the first phase's batches are, as in "rows".</param>
/// <param name="stage">The loop's part of a training of several, and the steps of the parts after it.</param>
/// <param name="usedMemory">Bytes of the device's memory that are in use, where it has its own.</param>
/// <param name="clock">Measures time. Default: the system's clock.</param>
internal sealed class TrainingMeter(
    long totalSteps, string device, string unit = "rows", TrainingStage stage = default, Func<long?>? usedMemory = null,
    TimeProvider? clock = null)
{
    private const int WidestLine = 119;
    private static readonly TimeSpan _reportPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _linePause = TimeSpan.FromSeconds(30);

    private readonly long _interval = Math.Clamp(totalSteps / 200, 1, 100);
    private readonly LossSums _recent = new();
    private readonly LossSums _epoch = new();
    private readonly StepPace _pace = new();
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private long? _start;
    private TimeSpan _before;
    private TimeSpan _epochStart;
    private long _samplesInEpoch;
    private TimeSpan _lastReport;
    private TimeSpan _lastLine;
    private long _samplesSinceReport;

    /// <summary>The last step that was measured.</summary>
    public long Step { get; private set; }

    /// <summary>Time trained, that before an interruption included.</summary>
    public TimeSpan Elapsed => _start is { } start ? _before + _clock.GetElapsedTime(start) : _before;

    /// <summary>The sums so far.</summary>
    public MeterState State => new(_recent.Sum, _recent.Weight, _recent.Terms.State, Elapsed.Ticks)
    {
        Epoch = new EpochSums(_epoch.Sum, _epoch.Weight, _epoch.Terms.State),
    };

    public void Start()
    {
        _start = _clock.GetTimestamp();
        _epochStart = Elapsed;
        _pace.Begin(Step, Elapsed);
    }

    /// <summary>Continues from a state, after as many steps.</summary>
    public void Resume(MeterState state, long step)
    {
        Step = step;
        _recent.Resume(state.LossSum, state.Weight, state.Terms);
        if (state.Epoch is { } epoch)
            _epoch.Resume(epoch.LossSum, epoch.Weight, epoch.Terms);
        _before = _lastReport = _lastLine = TimeSpan.FromTicks(state.ElapsedTicks);
    }

    /// <summary>Whether a report is due: after the first, second, fourth step and so on, every n-th step, and every second.</summary>
    public bool IsReportDue(long step) => step % _interval == 0 || long.IsPow2(step) || Elapsed - _lastReport >= _reportPause;

    /// <summary>Whether a line in the log is due, which takes it as written: every half minute.</summary>
    public bool TakeLine(bool endsEpoch)
    {
        if (!endsEpoch && Elapsed - _lastLine < _linePause)
            return false;
        _lastLine = Elapsed;
        return true;
    }

    /// <summary>Begins a step: earlier losses count less in the average of the recent ones.</summary>
    public void BeginStep() => _recent.Decay(1 - 1.0 / _interval);

    /// <summary>Ends a step, whose time counts.</summary>
    public void EndStep(long step) => _pace.Add(step, Elapsed);

    /// <summary>
    /// Adds a batch's losses. The first phase's total is the loss that is reported, and the samples of its batches, by default what they
    /// weigh, make the speed.
    /// </summary>
    public void Add(
        double total, IEnumerable<(string Name, double Value)> terms, long weight, long step, bool isFirstPhase, long? samples = null)
    {
        Step = step;
        if (isFirstPhase)
            AddLoss(total, weight, samples ?? weight);
        foreach ((string name, double value) in terms)
            Add(name, value, weight);
    }

    /// <summary>Adds a loss of the first phase.</summary>
    public void AddLoss(double loss, long weight, long samples)
    {
        _recent.Add(loss, weight);
        _epoch.Add(loss, weight);
        _samplesSinceReport += samples;
        _samplesInEpoch += samples;
    }

    /// <summary>Adds a number that is reported beside the losses.</summary>
    public void Add(string name, double value, long weight)
    {
        _recent.Terms.Add(name, value, weight);
        _epoch.Terms.Add(name, value, weight);
    }

    /// <summary>
    /// Rows, or tokens, per second: at the end of an epoch over the epoch, else since the last report; in both cases at most since
    /// the training was resumed.
    /// </summary>
    public double SamplesPerSecond(bool endsEpoch)
    {
        (long samples, TimeSpan start) = endsEpoch ? (_samplesInEpoch, _epochStart) : (_samplesSinceReport, _lastReport);
        return samples / Math.Max(1e-9, (Elapsed - start).TotalSeconds);
    }

    /// <summary>The time that the training will take after a step, that of later stages too.</summary>
    public TimeSpan Remaining(long step) => _pace.TimeOf((double)totalSteps - step + stage.LaterSteps);

    /// <summary>Leaves time in which nothing was trained out of the next <see cref="SamplesPerSecond"/>.</summary>
    public void ExcludeFromSpeed(TimeSpan duration)
    {
        _lastReport += duration;
        _epochStart += duration;
    }

    public TrainingProgress Report(
        long step, int epoch, bool endsEpoch, double learningRate, double samplesPerSecond, double? gradientNorm,
        ValidationScores? validation)
    {
        TimeSpan elapsed = Elapsed;
        LossSums sums = endsEpoch ? _epoch : _recent;
        var report = new TrainingProgress
        {
            Stage = stage.Name,
            Step = step,
            TotalSteps = totalSteps,
            Epoch = epoch,
            Loss = sums.Mean,
            LossTerms = sums.Terms.Means,
            RecentLoss = _recent.Mean,
            RecentLossTerms = _recent.Terms.Means,
            ValidationLoss = validation?.Loss,
            ValidationTerms = validation?.Terms ?? ReadOnlyDictionary<string, double>.Empty,
            LearningRate = learningRate,
            GradientNorm = gradientNorm,
            SamplesPerSecond = samplesPerSecond,
            SampleUnit = unit,
            Elapsed = elapsed,
            Remaining = Remaining(step),
            Device = device,
            DeviceMemory = usedMemory?.Invoke(),
        };
        _lastReport = elapsed;
        _samplesSinceReport = 0;
        if (endsEpoch)
        {
            _epoch.Clear();
            (_samplesInEpoch, _epochStart) = (0, elapsed);
        }

        return report;
    }

    /// <summary>The report as a line of at most 119 characters; terms that do not fit are left out.</summary>
    public static string Describe(TrainingProgress report)
    {
        string stage = report.Stage is null ? "" : $"{report.Stage}, ";
        string begin = string.Create(
            CultureInfo.InvariantCulture, $"{stage}epoch {report.Epoch}, step {report.Step}/{report.TotalSteps}: loss {report.Loss:G6}");
        string validation = report.ValidationLoss is { } loss ? string.Create(CultureInfo.InvariantCulture, $", validation {loss:G6}") : "";
        string end = string.Create(
            CultureInfo.InvariantCulture,
            $", {report.SamplesPerSecond:N0} {report.SampleUnit}/s, "
            + $"{(long)report.Remaining.TotalHours:00}:{report.Remaining:mm\\:ss} left");
        int room = WidestLine - begin.Length - validation.Length - end.Length;
        string validationTerms = Terms(report.ValidationTerms, room);
        return begin + Terms(report.LossTerms, room - validationTerms.Length) + validation + validationTerms + end;
    }

    // As many terms as there is room for.
    private static string Terms(IReadOnlyDictionary<string, double> terms, int room)
    {
        string[] all = [.. terms.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Key} {t.Value:G6}"))];
        for (int count = all.Length; count > 0; count--)
        {
            string text = $" ({string.Join(", ", all[..count])}{(count < all.Length ? ", …" : "")})";
            if (text.Length <= room)
                return text;
        }

        return "";
    }
}
