using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// The processes that <c>mpirun</c> has started together. MPI is started once in a process and ended with it, whatever number of trainings
/// there are; one of them at a time uses it.
/// </summary>
internal sealed unsafe class MpiTransport : IProcessTransport
{
    private static readonly Lazy<MpiTransport> _shared = new(() => new MpiTransport(MpiLibrary.Load()));

    private readonly MpiLibrary _library;
    private readonly WaitingProcess _waiting = new();
    private int _trainings;
    private bool _isAbandoned;

    private MpiTransport(MpiLibrary library)
    {
        _library = library;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Finish();
    }

    /// <summary>Takes the processes for a training, until <see cref="Release"/>.</summary>
    /// <exception cref="InvalidOperationException">
    /// There is no MPI library (the message says what to install), another training uses it, or the processes have lost each other.
    /// </exception>
    public static MpiTransport Acquire()
    {
        MpiTransport transport = _shared.Value;
        if (transport._isAbandoned)
            throw new InvalidOperationException("An earlier distributed training lost one of its processes: start all of them again.");
        if (Interlocked.CompareExchange(ref transport._trainings, 1, 0) != 0)
        {
            throw new InvalidOperationException(
                $"Another training with {nameof(TrainingOptions.Distributed)} runs in this process: "
                + "such trainings run one after the other.");
        }

        return transport;
    }

    public int Rank => _library.Rank;

    public int Size => _library.Size;

    public bool LeavesProcessor
    {
        set => _waiting.LeavesProcessor = value;
    }

    public bool TrySend(int rank, ReadOnlySpan<byte> bytes, TimeSpan timeout)
    {
        // Not in the collector's memory: MPI may still use it after a time that was not enough. Then it is never freed.
        byte* copy = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, bytes.Length));
        bytes.CopyTo(new Span<byte>(copy, bytes.Length));
        if (!TryWait(_library.Send(copy, bytes.Length, rank), timeout))
            return false;
        NativeMemory.Free(copy);
        return true;
    }

    public bool TryReceive(int rank, Span<byte> bytes, TimeSpan timeout)
    {
        byte* copy = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, bytes.Length));
        if (!TryWait(_library.Receive(copy, bytes.Length, rank), timeout))
            return false;
        new Span<byte>(copy, bytes.Length).CopyTo(bytes);
        NativeMemory.Free(copy);
        return true;
    }

    public bool TrySum(Span<float> values, TimeSpan timeout)
    {
        fixed (float* start = values)
            return TryWait(_library.Sum(start, values.Length), timeout);
    }

    public bool TrySumInto(int rank, Span<float> values, TimeSpan timeout)
    {
        fixed (float* start = values)
            return TryWait(_library.SumInto(rank, start, values.Length), timeout);
    }

    public bool TryBroadcast(int rank, Span<byte> bytes, TimeSpan timeout)
    {
        fixed (byte* start = bytes)
            return TryWait(_library.Broadcast(rank, start, bytes.Length), timeout);
    }

    public void Abandon() => _isAbandoned = true;

    public void Release() => Volatile.Write(ref _trainings, 0);

    private bool TryWait(nint request, TimeSpan timeout) => _waiting.TryWait(() => _library.Test(ref request), timeout);

    private void Finish()
    {
        // The others would wait for ever for a process that ends in the middle of a training.
        if (_isAbandoned || Volatile.Read(ref _trainings) != 0)
            _library.Abort();
        else
            _library.Finish();
    }
}
