using System.Diagnostics;

namespace Microsoft.ML.Generative.Training;

/// <summary>Stops a canceled training where it can continue from, or soon.</summary>
/// <param name="run">What may be canceled.</param>
/// <param name="token">The token of the loop's options.</param>
internal sealed class TrainingCancellation(TrainingRun run, CancellationToken token)
{
    // What a canceled training may take to end its step, from where it can go on.
    private static readonly TimeSpan _timeToEndStep = TimeSpan.FromSeconds(10);

    private long? _canceledAt;

    /// <summary>Stops before a step. Where one of several processes was canceled, all stop before the same one.</summary>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public void StopBeforeStep()
    {
        if (run.Group is not { } group)
            run.StopIfCancelled();
        else if (group.IsCanceled)
            throw new OperationCanceledException(group.IsTerminating ? TerminationRequest.Message : "The training was canceled.", token);
    }

    /// <summary>
    /// Stops within a step of many batches, which may take too long to be waited for, and is lost then. Several processes all end their
    /// steps.
    /// </summary>
    /// <exception cref="OperationCanceledException">The training was canceled a while ago.</exception>
    public void StopWithinLongStep()
    {
        if (run.Group is not null)
            return;
        try
        {
            run.StopIfCancelled();
        }
        catch (OperationCanceledException)
        {
            _canceledAt ??= Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(_canceledAt.Value) > _timeToEndStep)
                throw;
        }
    }
}
