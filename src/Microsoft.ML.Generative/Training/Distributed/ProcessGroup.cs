using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Generative.Data.Batches;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>The processes of one training, and what they exchange: values, bytes and tensors. Before each exchange they meet.</summary>
internal sealed class ProcessGroup(IProcessTransport transport, TimeSpan timeout, ExchangeTimes? times = null)
    : IGradientExchange, IDisposable
{
    private readonly ProcessMeetings _meetings = new(transport, timeout);
    private ITensorExchange _exchange = new TransportExchange(transport, timeout);

    /// <summary>The number of this process, from 0.</summary>
    public int Rank => transport.Rank;

    /// <summary>The processes.</summary>
    public int Size => transport.Size;

    /// <summary>Whether this process validates, reports and writes files.</summary>
    public bool IsLeader => Rank == 0;

    /// <inheritdoc cref="ProcessMeetings.IsCanceled"/>
    public bool IsCanceled => _meetings.IsCanceled;

    /// <inheritdoc cref="ProcessMeetings.IsTerminating"/>
    public bool IsTerminating => _meetings.IsTerminating;

    /// <summary>How long gradients are on their way.</summary>
    public ExchangeTimes Times { get; } = times ?? new ExchangeTimes();

    /// <summary>Ends an exchange that is on its way. Before that, this process cannot meet the others for anything else.</summary>
    public Action? Unfinished { get; set; }

    /// <inheritdoc cref="IProcessTransport.LeavesProcessor"/>
    public bool LeavesProcessor
    {
        set => transport.LeavesProcessor = value;
    }

    /// <summary>Joins the processes that the options name, or none.</summary>
    /// <inheritdoc cref="MpiTransport.Acquire" path="/exception"/>
    public static ProcessGroup? Join(DistributedOptions? options)
    {
        options?.Times.Reset();
        return options is null ? null : new ProcessGroup(options.Transport ?? MpiTransport.Acquire(), options.Timeout, options.Times);
    }

    /// <summary>Carries tensors by the engine that the options name from now on, where it is another than that of all else.</summary>
    /// <param name="options">The options, the same in all processes.</param>
    /// <param name="device">The device that this process computes with.</param>
    /// <exception cref="InvalidOperationException">The engine cannot be used, here or in another process; the message says why.</exception>
    /// <exception cref="TimeoutException">A process does not answer.</exception>
    public void UseEngine(DistributedOptions options, torch.Device device)
    {
        if (options.Engine != DistributedEngine.Nccl)
            return;
        ITensorExchange inMemory = _exchange;
        WatchTime(() => _exchange = NcclExchange.Open(this, inMemory, device, timeout, options.NativeFunctions));
    }

    /// <inheritdoc/>
    public double TotalWeight(double weight) => Sum("a part of a step", weight)[0];

    /// <inheritdoc/>
    public void Sum(torch.Tensor gradients)
    {
        MeetForGradients();
        SumBucket(gradients, 0);
        CompleteBuckets();
    }

    /// <summary>Meets the others before buckets of gradients are summed.</summary>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public void MeetForGradients() => _meetings.Meet("gradients", [], []);

    /// <inheritdoc cref="ITensorExchange.Mark"/>
    public nint Mark() => _exchange.Mark();

    /// <summary>Replaces a bucket of gradients by its sum over all processes, which have met for gradients.</summary>
    /// <param name="gradients">The bucket.</param>
    /// <param name="mark">What the device has computed it before.</param>
    /// <exception cref="TimeoutException">A process does not answer.</exception>
    public void SumBucket(torch.Tensor gradients, nint mark) => Carry(exchange => exchange.Sum(gradients), mark);

    /// <summary>
    /// Sums a bucket of gradients over all processes, which have met for gradients, each part in the process that owns it; in the others it
    /// loses its values.
    /// </summary>
    /// <param name="parts">A part for each process, in the order of their numbers.</param>
    /// <param name="mark">What the device has computed them before.</param>
    /// <exception cref="TimeoutException">A process does not answer.</exception>
    public void SumBucketIntoOwners(IReadOnlyList<torch.Tensor> parts, nint mark) =>
        Carry(exchange => exchange.SumIntoOwners(parts), mark);

    /// <summary>Waits for all buckets.</summary>
    /// <returns>Whether each has ended with its call, so that a clock has measured it.</returns>
    /// <inheritdoc cref="SumBucket" path="/exception"/>
    public bool CompleteBuckets()
    {
        WatchTime(() => _exchange.Complete());
        return _exchange.IsSynchronous;
    }

    /// <summary>The sums of values over all processes.</summary>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public double[] Sum(string operation, params double[] values) => _meetings.Meet(operation, values, []).Result.Sums;

    /// <summary>The sums of values over the first processes, which alone take part.</summary>
    /// <param name="operation">What is summed.</param>
    /// <param name="processes">How many of the processes have values.</param>
    /// <param name="values">Those of this process.</param>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public double[] SumOfFirst(string operation, int processes, double[] values) =>
        _meetings.Meet(operation, values, [], present: processes).Result.Sums;

    /// <summary>
    /// Weighted means over all processes of tensors that all have, in place; with a total weight of 0 they stay as they are.
    /// </summary>
    /// <param name="operation">What is averaged.</param>
    /// <param name="sums">The weighted sums of this process.</param>
    /// <param name="weight">Their weight.</param>
    /// <returns>The total weight.</returns>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public double Sum(string operation, IEnumerable<torch.Tensor> sums, double weight)
    {
        double total = Sum(operation, weight)[0];
        CarryAll(exchange =>
        {
            foreach (torch.Tensor sum in sums)
                exchange.Sum(sum);
        });
        return total;
    }

    /// <summary>The rows of all processes, in the order of the step.</summary>
    /// <param name="operation">What is joined.</param>
    /// <param name="own">Rows of this process, [rows, values] each, and the place of the first.</param>
    /// <param name="rows">The rows of all.</param>
    /// <param name="values">The values of a row.</param>
    /// <param name="device">The device of the rows.</param>
    /// <returns>[rows, values].</returns>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public torch.Tensor Join(
        string operation, IEnumerable<(long First, torch.Tensor Rows)> own, long rows, long values, torch.Device device)
    {
        torch.Tensor all = torch.zeros([rows, values], device: device);
        foreach ((long first, torch.Tensor part) in own)
            all.narrow(0, first, part.size(0)).copy_(part);
        // Each row is of one process, and the others add 0 to it.
        Sum(operation, [all], 1);
        return all;
    }

    /// <summary>Bytes of all processes in all of them, in the order of their numbers.</summary>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public byte[][] Gather(string operation, byte[] own)
    {
        (_, byte[][] others) = _meetings.Meet(operation, [], IsLeader ? [] : own);
        byte[] all = IsLeader ? JsonSerializer.SerializeToUtf8Bytes<byte[][]>([own, .. others]) : [];
        return JsonSerializer.Deserialize<byte[][]>(FromLeader(operation, all))!;
    }

    /// <summary>Bytes of process 0 in all processes.</summary>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public byte[] FromLeader(string operation, byte[] bytes) => _meetings.Meet(operation, [], IsLeader ? bytes : []).Result.Payload;

    /// <summary>Bytes of the other processes in process 0, in the order of their numbers; nothing in the others.</summary>
    /// <param name="operation">What is gathered.</param>
    /// <param name="bytes">Those of this process.</param>
    /// <param name="isCanceled">Whether this process is asked to stop: then <see cref="IsCanceled"/> is true in all of them.</param>
    /// <param name="isTerminating">Whether it is so because it has to end.</param>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public byte[][] ToLeader(string operation, byte[] bytes, bool isCanceled, bool isTerminating)
    {
        (ProcessNote result, byte[][] others) =
            _meetings.Meet(operation, [isCanceled ? 1 : 0, isTerminating ? 1 : 0], IsLeader ? [] : bytes);
        _meetings.NoteCancellation(isCanceled: result.Sums[0] > 0, isTerminating: result.Sums[1] > 0);
        return others;
    }

    /// <summary>Gives all processes the values that tensors have in process 0.</summary>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public void Broadcast(string operation, IEnumerable<torch.Tensor> tensors)
    {
        _meetings.Meet(operation, [], []);
        CarryAll(exchange => exchange.Broadcast(tensors.Select(t => (0, t))));
    }

    /// <summary>Sums tensors over all processes, each in the process that owns it; in the others it loses its values.</summary>
    /// <param name="operation">What is summed.</param>
    /// <param name="parts">A tensor of each process, in the order of their numbers.</param>
    /// <inheritdoc cref="ProcessMeetings.Meet" path="/exception"/>
    public void SumIntoOwners(string operation, IReadOnlyList<torch.Tensor> parts)
    {
        _meetings.Meet(operation, [], []);
        CarryAll(exchange => exchange.SumIntoOwners(parts));
    }

    /// <summary>Gives all processes the values that tensors have in the processes that own them.</summary>
    /// <inheritdoc cref="SumIntoOwners"/>
    public void FromOwners(string operation, IReadOnlyList<torch.Tensor> parts)
    {
        _meetings.Meet(operation, [], []);
        CarryAll(exchange => exchange.Broadcast(parts.Index()));
    }

    public void Dispose()
    {
        _exchange.Dispose();
        transport.Release();
    }

    /// <summary>Checks that all processes learn from the same data.</summary>
    /// <exception cref="InvalidOperationException">They do not.</exception>
    public void CheckSources(IEnumerable<IBatchSource> sources, IBatchSource? validation)
    {
        IBatchSource[] all = [.. sources];
        string[] own = [.. all.Append(validation).Select(s => s?.Fingerprint ?? "none")];
        string[] leader = JsonSerializer.Deserialize<string[]>(FromLeader("the data", JsonSerializer.SerializeToUtf8Bytes(own)))!;
        if (!own.AsSpan(0, all.Length).SequenceEqual(leader.AsSpan(0, all.Length)))
        {
            throw new InvalidOperationException(
                $"Process {RankText} has other training data than process 0: all have to read the same rows.");
        }

        if (own[^1] != leader[^1])
        {
            throw new InvalidOperationException(
                $"Process {RankText} has other {nameof(TrainingOptions.ValidationData)} than process 0: "
                + "all have to read the same rows.");
        }
    }

    /// <inheritdoc cref="ProcessMeetings.End"/>
    public void End() => _meetings.End();

    /// <inheritdoc cref="ProcessMeetings.Fail"/>
    public void Fail(Exception reason)
    {
        EndExchange();
        _meetings.Fail(reason);
    }

    /// <inheritdoc cref="ProcessMeetings.Cancel"/>
    public void Cancel(bool isTerminating = false)
    {
        EndExchange();
        _meetings.Cancel(isTerminating);
    }

    // The others wait for what this process has begun.
    private void EndExchange()
    {
        try
        {
            Unfinished?.Invoke();
        }
        catch (Exception e) when (e is InvalidOperationException or OperationCanceledException or TimeoutException)
        {
            // The caller throws its own.
        }
    }

    private void CarryAll(Action<ITensorExchange> act)
    {
        Carry(act, 0);
        WatchTime(() => _exchange.Complete());
    }

    private void Carry(Action<ITensorExchange> act, nint mark) => WatchTime(() =>
    {
        using IDisposable noGradient = torch.no_grad();
        _exchange.After(mark);
        act(_exchange);
    });

    // A process that does not answer has to be lost for all.
    private void WatchTime(Action exchange)
    {
        try
        {
            exchange();
        }
        catch (TimeoutException)
        {
            _meetings.Abandon();
            throw;
        }
    }

    private string RankText => Rank.ToString(CultureInfo.InvariantCulture);
}
