using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Writes what a training reports for TensorBoard. A disk that is full ends the log and not the training.</summary>
internal sealed class TensorBoardLog(string folder) : IDisposable
{
    private EventFile? _file;
    private bool _hasFailed;
    private long _firstStep = 1;

    /// <summary>The log of one loop, or <see langword="null"/> if none is wanted. Its file is made with the first report.</summary>
    /// <param name="directory">The folder that TensorBoard is given.</param>
    /// <param name="name">The loop's name, which TensorBoard shows as the run.</param>
    public static TensorBoardLog? Open(string? directory, string name) =>
        directory is null ? null : new TensorBoardLog(Path.Combine(directory, name));

    /// <summary>Resumes after a step: reports of later ones are from a training that was interrupted.</summary>
    public void Resume(long step) => _firstStep = step + 1;

    public void Write(IChannel channel, TrainingProgress report)
    {
        var summary = new EventSummary();
        summary.Add("loss/training", report.RecentLoss);
        if (report.ValidationLoss is { } validationLoss)
            summary.Add("loss/validation", validationLoss);
        foreach (var (name, value) in report.RecentLossTerms)
            summary.Add($"loss_terms/{name}", value);
        foreach (var (name, value) in report.ValidationTerms)
            summary.Add($"validation_terms/{name}", value);
        summary.Add("training/learning_rate", report.LearningRate);
        if (report.GradientNorm is { } norm)
            summary.Add("training/gradient_norm", norm);
        summary.Add("training/rows_per_second", report.SamplesPerSecond);
        Write(channel, report.Step, summary);
    }

    public void Write(IChannel channel, long step, IReadOnlyList<PreviewItem> items)
    {
        var summary = new EventSummary();
        foreach (PreviewItem item in items)
            item.AddTo(summary);
        Write(channel, step, summary);
    }

    public void Dispose() => Guard(null, () => _file?.Dispose());

    private void Write(IChannel channel, long step, EventSummary summary) => Guard(channel, () =>
    {
        if (_file is null)
        {
            _file = new EventFile(folder);
            if (_firstStep > 1)
                _file.WriteRestart(_firstStep);
        }

        _file.Write(step, summary);
        _file.Flush();
    });

    private void Guard(IChannel? channel, Action write)
    {
        if (_hasFailed && channel is not null)
            return;
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _hasFailed = true;
            channel?.Warning($"TensorBoard's file in '{folder}' cannot be written, and is left as it is: {e.Message}");
        }
    }
}
