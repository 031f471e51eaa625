using System.Diagnostics;
using System.Globalization;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// Where the processes of one training meet, before anything is exchanged: each tells process 0 whether it continues, and learns from it
/// whether all do. So an error or a cancellation in one of them ends all at the same place, and one that does not come is named.
/// </summary>
internal sealed class ProcessMeetings(IProcessTransport transport, TimeSpan timeout)
{
    private static readonly TimeSpan _afterTimeout = TimeSpan.FromMilliseconds(10);

    private bool _hasEnded;

    /// <summary>Whether the training was canceled, in this process or another.</summary>
    public bool IsCanceled { get; private set; }

    /// <summary>Whether it was canceled because the system has asked one of the processes to end.</summary>
    public bool IsTerminating { get; private set; }

    private int Rank => transport.Rank;

    private int Size => transport.Size;

    private bool IsLeader => Rank == 0;

    /// <summary>Meets the other processes.</summary>
    /// <param name="operation">What this process is about to do; the others have to be there, too.</param>
    /// <param name="sums">Values that are summed over all processes.</param>
    /// <param name="payload">Bytes for process 0, or of process 0 for the others.</param>
    /// <param name="state">Whether this process continues.</param>
    /// <param name="text">Why it does not.</param>
    /// <param name="present">How many of the processes take part, the first ones. Default: all.</param>
    /// <returns>The decision of process 0 with the sums and its bytes; in process 0, the bytes of the others.</returns>
    /// <exception cref="InvalidOperationException">A process has failed, or is elsewhere in its program.</exception>
    /// <exception cref="OperationCanceledException">A process was canceled.</exception>
    /// <exception cref="TimeoutException">A process does not answer; the message names it.</exception>
    public (ProcessNote Result, byte[][] Others) Meet(
        string operation, double[] sums, byte[] payload, ProcessState state = ProcessState.Continues, string text = "",
        int? present = null)
    {
        var own = new ProcessNote(state, operation, text, sums, payload);
        (ProcessNote result, byte[][] others) = IsLeader ? Lead(own, present ?? Size) : (Follow(own), []);
        switch (result.State)
        {
            case ProcessState.Failed:
                _hasEnded = true;
                throw new InvalidOperationException(result.Text);
            case ProcessState.Canceled:
                IsCanceled = true;
                IsTerminating |= result.Text.Length > 0;
                throw new OperationCanceledException("The training was canceled in one of its processes.");
            default:
                return (result, others);
        }
    }

    /// <summary>Notes that a process asks to stop, or has to end.</summary>
    public void NoteCancellation(bool isCanceled, bool isTerminating)
    {
        IsCanceled |= isCanceled;
        IsTerminating |= isTerminating;
    }

    /// <summary>Waits for all processes to have their model.</summary>
    /// <inheritdoc cref="Meet" path="/exception"/>
    public void End()
    {
        Meet("the end of the training", [], []);
        _hasEnded = true;
    }

    /// <summary>Tells the others that this process does not continue, unless they know it.</summary>
    public void Fail(Exception reason)
    {
        bool isCanceled = reason is OperationCanceledException;
        if (_hasEnded || (isCanceled && IsCanceled))
            return;
        try
        {
            Meet(
                "an error", [], [], isCanceled ? ProcessState.Canceled : ProcessState.Failed,
                isCanceled ? "" : $"Process {Number(Rank)} of {Number(Size)} has failed: {reason.Message}");
        }
        catch (Exception e) when (e is InvalidOperationException or OperationCanceledException or TimeoutException)
        {
            // The caller throws its own.
        }

        _hasEnded = !isCanceled;
    }

    /// <summary>Cancels all processes, unless they are.</summary>
    /// <param name="isTerminating">Whether this process has to end.</param>
    /// <exception cref="InvalidOperationException">Another has failed meanwhile.</exception>
    /// <exception cref="TimeoutException">A process does not answer; the message names it.</exception>
    public void Cancel(bool isTerminating)
    {
        if (IsCanceled || _hasEnded)
            return;
        try
        {
            Meet("a cancellation", [], [], ProcessState.Canceled, isTerminating ? TerminationRequest.Message : "");
        }
        catch (OperationCanceledException)
        {
            // Now all know it.
        }
    }

    /// <summary>Ends the training for all where a process does not answer in an exchange.</summary>
    public void Abandon()
    {
        _hasEnded = true;
        transport.Abandon();
    }

    private (ProcessNote Result, byte[][] Others) Lead(ProcessNote own, int present)
    {
        var notes = new ProcessNote?[present];
        notes[0] = own;
        var watch = Stopwatch.StartNew();
        for (int rank = 1; rank < present; rank++)
            notes[rank] = Hear(rank);
        ProcessNote result = Decide(own, notes);
        byte[] bytes = result.ToBytes();
        for (int rank = 1; rank < (result.State == ProcessState.Continues ? present : Size); rank++)
        {
            // Who has nothing to do here learns of an end where it meets the others next.
            if ((rank < present ? notes[rank] : Hear(rank)) is not null)
                Send(rank, bytes);
        }

        if (notes.Contains(null))
            throw Ended(result.Text);
        return (result, [.. notes.Skip(1).Select(n => n!.Payload)]);

        // Those that have come are heard also where an earlier one has not.
        ProcessNote? Hear(int rank)
        {
            TimeSpan left = timeout - watch.Elapsed;
            return Receive(rank, left > _afterTimeout ? left : _afterTimeout);
        }
    }

    private ProcessNote Decide(ProcessNote own, ProcessNote?[] notes)
    {
        int[] missing = [.. Enumerable.Range(0, notes.Length).Where(r => notes[r] is null)];
        if (missing.Length > 0)
            return Failed(NoAnswer(missing));
        if (notes.FirstOrDefault(n => n!.State == ProcessState.Failed) is { } failed)
            return Failed(failed.Text);
        if (notes.Where(n => n!.State == ProcessState.Canceled).MaxBy(n => n!.Text.Length) is { } canceled)
            return canceled with { Sums = [], Payload = [] };
        int other = Array.FindIndex(notes, n => n!.Operation != own.Operation || n.Sums.Length != own.Sums.Length);
        if (other >= 0)
        {
            return Failed(
                $"The processes of the training do different things: process {Number(other)} is at {notes[other]!.Operation}, process 0 at "
                + $"{own.Operation}. All have to run the same program with the same options and data.");
        }

        // In the order of the processes, so that the sums are the same in each run.
        return own with { Sums = [.. own.Sums.Select((_, i) => notes.Sum(n => n!.Sums[i]))] };

        ProcessNote Failed(string reason) => own with { State = ProcessState.Failed, Text = reason, Sums = [], Payload = [] };
    }

    private ProcessNote Follow(ProcessNote own)
    {
        Send(0, own.ToBytes());
        // Process 0 waits as long for the last of the others, and is to be the one that names it.
        return Receive(0, timeout + timeout / 2) ?? throw Ended(NoAnswer([0]));
    }

    private void Send(int rank, byte[] bytes)
    {
        byte[] header = BitConverter.GetBytes(bytes.Length);
        if (!transport.TrySend(rank, header, timeout) || !transport.TrySend(rank, bytes, timeout))
            throw Ended(NoAnswer([rank]));
    }

    private ProcessNote? Receive(int rank, TimeSpan limit)
    {
        var header = new byte[ProcessNote.HeaderBytes];
        if (!transport.TryReceive(rank, header, limit))
            return null;
        var bytes = new byte[BitConverter.ToInt32(header)];
        return transport.TryReceive(rank, bytes, limit) ? ProcessNote.FromBytes(bytes) : null;
    }

    private TimeoutException Ended(string text)
    {
        Abandon();
        return new TimeoutException(text);
    }

    private string NoAnswer(int[] ranks) =>
        $"Process{(ranks.Length == 1 ? "" : "es")} {string.Join(", ", ranks.Select(Number))} of {Number(Size)} did not answer for "
        + $"{Seconds(timeout)} ({nameof(TrainingOptions.Distributed)}.{nameof(DistributedOptions.Timeout)}): the training cannot continue "
        + "without. It can be resumed from its last checkpoint.";

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
