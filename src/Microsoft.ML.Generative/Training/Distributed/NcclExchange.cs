using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Devices;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// Carries tensors from GPU to GPU by NCCL, in a stream of its own: an exchange waits for what it needs, while libtorch computes on. What
/// is on the CPU goes through memory.
/// </summary>
/// <remarks>
/// A program that has begun an exchange is at its next line at once, and libtorch would wait for the GPU without end. So
/// <see cref="Complete"/> asks whether it has ended, for as long as the options allow, and whether NCCL has noticed a lost process; then it
/// ends the exchange on this GPU.
/// </remarks>
internal sealed class NcclExchange : ITensorExchange
{
    // NCCL takes 2,048 operations at once.
    private const int MostAtOnce = 1024;

    // What ends an exchange has to answer: the process is to say what has happened.
    private static readonly TimeSpan _ending = TimeSpan.FromSeconds(10);

    // The most that a task can be waited for.
    private static readonly TimeSpan _longest = TimeSpan.FromDays(20);

    private readonly NcclLibrary _nccl;
    private readonly CudaStream _stream;
    private readonly ITensorExchange _inMemory;
    private readonly torch.Device _device;
    private readonly TimeSpan _timeout;
    private readonly WaitingProcess _waiting = new();
    private nint _communicator;
    private bool _isOnItsWay;

    private NcclExchange(NcclLibrary nccl, CudaStream stream, ITensorExchange inMemory, torch.Device device, TimeSpan timeout) =>
        (_nccl, _stream, _inMemory, _device, _timeout) = (nccl, stream, inMemory, device, timeout);

    public bool IsSynchronous => false;

    /// <summary>Connects the GPUs of all processes, which call it together.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="inMemory">Carries what is not on the GPU.</param>
    /// <param name="device">The GPU of this process.</param>
    /// <param name="timeout">How long this process waits for the others.</param>
    /// <param name="functions">NCCL's and the driver's functions, in place of those of the machine.</param>
    /// <inheritdoc cref="ProcessGroup.UseEngine" path="/exception"/>
    public static NcclExchange Open(
        ProcessGroup group, ITensorExchange inMemory, torch.Device device, TimeSpan timeout, Func<string, nint>? functions)
    {
        if (functions is null && device.type != DeviceType.CUDA)
        {
            throw new InvalidOperationException(
                $"{Engine} works between GPUs, and process {group.Rank} trains on the {device.type}: "
                + $"set it to {nameof(DistributedEngine.Mpi)}, or see MLContext.Generative().Devices.CudaProblem.");
        }

        NcclLibrary nccl = functions is null ? NcclLibrary.Load() : new NcclLibrary(functions);
        var exchange = new NcclExchange(
            nccl, new CudaStream(device, functions ?? CudaStream.DriverFunctions()), inMemory, device, timeout);
        try
        {
            exchange.Connect(group);
            return exchange;
        }
        catch (Exception e) when (e is not TimeoutException)
        {
            // After a timeout, a thread may still wait for NCCL.
            exchange.Dispose();
            throw;
        }
    }

    public nint Mark() => _stream.MarkLibTorch();

    public void After(nint mark)
    {
        if (mark == 0 && (mark = _stream.MarkLibTorch()) == 0)
            throw new InvalidOperationException("CUDA has failed: no event can be recorded.");
        _stream.After(mark);
    }

    public void Sum(torch.Tensor tensor)
    {
        if (IsElsewhere(tensor))
            _inMemory.Sum(tensor);
        else
            Exchange([(0, tensor)], (values, _) => _nccl.AllReduce(TensorMemory.Address(values), values.numel(), _communicator, Stream));
    }

    // Not by ncclReduceScatter, whose parts have one length.
    public void SumIntoOwners(IReadOnlyList<torch.Tensor> parts)
    {
        if (IsElsewhere(parts[0]))
            _inMemory.SumIntoOwners(parts);
        else
            Exchange(parts.Index(), (values, owner) =>
                _nccl.Reduce(TensorMemory.Address(values), values.numel(), owner, _communicator, Stream));
    }

    public void Broadcast(IEnumerable<(int Owner, torch.Tensor Values)> tensors)
    {
        ILookup<bool, (int Owner, torch.Tensor Values)> all = tensors.ToLookup(t => IsElsewhere(t.Values));
        _inMemory.Broadcast(all[true]);
        // Bytes are bytes, whatever they mean.
        Exchange(all[false], (values, owner) => _nccl.Broadcast(
            TensorMemory.Address(values), values.numel() * values.element_size(), owner, _communicator, Stream));
    }

    public void Complete()
    {
        if (!_isOnItsWay)
            return;
        bool hasArrived;
        try
        {
            nint end = _stream.MarkOwn();
            hasArrived = _waiting.TryWait(() => HasPassed(end), _timeout);
        }
        catch
        {
            Abort();
            throw;
        }

        if (!hasArrived)
        {
            Abort();
            throw NoAnswer("has not answered", "while values were exchanged by NCCL");
        }

        _isOnItsWay = false;
    }

    public void Dispose()
    {
        if (_isOnItsWay)
            Abort();
        else if (Interlocked.Exchange(ref _communicator, 0) is not 0 and nint communicator)
            TryRun(() => _nccl.Destroy(communicator), _ending);
        _stream.Dispose();
    }

    private static string Engine =>
        $"{nameof(TrainingOptions.Distributed)}.{nameof(DistributedOptions.Engine)} {nameof(DistributedEngine.Nccl)}";

    private nint Stream => _stream.Handle;

    private void Connect(ProcessGroup group)
    {
        const string Operation = "the beginning of NCCL";
        var own = new Place(_nccl.Version, _stream.DeviceId, $"{_device} of {Environment.MachineName}");
        Place[] places = [.. group.Gather(Operation, JsonSerializer.SerializeToUtf8Bytes(own))
            .Select(bytes => JsonSerializer.Deserialize<Place>(bytes)!)];
        if (FindProblem(places) is { } problem)
            throw new InvalidOperationException(problem);
        byte[] id = group.FromLeader(Operation, group.IsLeader ? _nccl.NewId() : []);
        using torch.Tensor first = torch.ones(1, device: _device);
        After(0);
        // NCCL has no limit of its own. It finds the way to the others with the first exchange.
        bool isConnected = TryRun(
            () =>
            {
                using (_stream.Enter())
                    _communicator = _nccl.Connect(group.Size, id, group.Rank);
                Sum(first);
            },
            _timeout);
        if (!isConnected)
            throw NoAnswer("cannot be reached", "by NCCL (NCCL_DEBUG=INFO shows the ways it tries, NCCL_SOCKET_IFNAME names a network)");
        Complete();
    }

    /// <summary>What is wrong with where the processes compute, if anything is.</summary>
    internal static string? FindProblem(IReadOnlyList<Place> places)
    {
        int other = places.Index().FirstOrDefault(p => p.Item.Version != places[0].Version).Index;
        if (other > 0)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"Process {other} has NCCL {places[other].Version} and process 0 {places[0].Version}: {Engine} needs one version.");
        }

        return places.Index().GroupBy(p => p.Item.Gpu).FirstOrDefault(g => g.Count() > 1) is { } shared
            ? $"{Engine} needs a GPU for each process, and processes "
                + $"{string.Join(", ", shared.Select(p => p.Index.ToString(CultureInfo.InvariantCulture)))} have one, "
                + $"{shared.First().Item.Name}: start no more processes on a machine than it has GPUs, name none by "
                + $"MLContext.{nameof(MLContext.GpuDeviceId)}, or set the engine to {nameof(DistributedEngine.Mpi)}."
            : null;
    }

    private bool IsElsewhere(torch.Tensor tensor) => tensor.device_type != _device.type;

    private void Exchange(IEnumerable<(int Owner, torch.Tensor Values)> tensors, Action<torch.Tensor, int> begin)
    {
        if (_communicator == 0)
            throw new InvalidOperationException("NCCL's exchange has ended with an earlier error.");
        using DisposeScope scope = torch.NewDisposeScope();
        var copies = new List<(torch.Tensor Original, torch.Tensor Copy)>();
        var all = new List<(int Owner, torch.Tensor Values)>();
        foreach ((int owner, torch.Tensor tensor) in tensors)
        {
            if (tensor.numel() == 0)
                continue;
            torch.Tensor values = tensor.detach();
            if (!values.is_contiguous())
                copies.Add((values, values = values.contiguous()));
            all.Add((owner, values));
        }

        if (copies.Count > 0)
            After(0);
        _isOnItsWay |= all.Count > 0;
        foreach ((int Owner, torch.Tensor Values)[] some in all.Chunk(MostAtOnce))
        {
            using CudaStream.Context current = _stream.Enter();
            _nccl.Group(() =>
            {
                foreach ((int owner, torch.Tensor values) in some)
                    begin(values, owner);
            });
        }

        if (copies.Count == 0)
            return;
        Complete();
        foreach ((torch.Tensor original, torch.Tensor copy) in copies)
            original.copy_(copy);
    }

    private bool HasPassed(nint mark)
    {
        if (_stream.HasPassed(mark))
            return true;
        _nccl.CheckConnection(_communicator);
        return false;
    }

    private void Abort()
    {
        if (Interlocked.Exchange(ref _communicator, 0) is not 0 and nint communicator)
            TryRun(() => _nccl.Abort(communicator), _ending);
    }

    private TimeoutException NoAnswer(string what, string when) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"A process of the training {what} for {_timeout.TotalSeconds:0.###} s "
        + $"({nameof(TrainingOptions.Distributed)}.{nameof(DistributedOptions.Timeout)}) {when}."));

    // Whether it has ended within the time. Where it has not, its thread is lost.
    private static bool TryRun(Action act, TimeSpan timeout)
    {
        Task task = Task.Factory.StartNew(act, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (!((IAsyncResult)task).AsyncWaitHandle.WaitOne(timeout < _longest ? timeout : _longest))
            return false;
        task.GetAwaiter().GetResult();
        return true;
    }

    /// <summary>Where a process computes.</summary>
    /// <param name="Version">Its NCCL.</param>
    /// <param name="Gpu">What distinguishes its GPU from all others.</param>
    /// <param name="Name">What the GPU is called.</param>
    internal sealed record Place(string Version, string Gpu, string Name);
}
