using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// NCCL and CUDA's driver between threads of this process, with the signatures of nccl.h and cuda.h: they compute with the tensors of the
/// CPU, and write down what they are called with. One test at a time uses them.
/// </summary>
internal static unsafe class SubstituteNccl
{
    public const int LibTorchStream = 0;
    public const int OwnStream = 0x5000;

    private const int NotReady = 600;
    private const int SystemError = 2;
    private const int InvalidUsage = 5;
    private const int FirstCommunicator = 100;
    private const string MachineProblem = "the cable is cut";

    private static readonly ConcurrentDictionary<int, World> _worlds = new();
    private static readonly ConcurrentDictionary<nint, (World World, int Rank)> _communicators = new();
    private static readonly nint _errorText = Marshal.StringToCoTaskMemUTF8("remote process exited or there was a network error");
    private static readonly nint _lastError = Marshal.StringToCoTaskMemUTF8(MachineProblem);
    private static readonly Dictionary<string, nint> _functions = Table();
    private static int _ids;
    private static int _events;

    [ThreadStatic]
    private static int _contexts;

    /// <summary>What was called, in order.</summary>
    public static ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>Whether nothing that is begun ends.</summary>
    public static bool Hangs { get; set; }

    /// <summary>What NCCL notices while nothing ends.</summary>
    public static int AsyncError { get; set; }

    /// <summary>What NCCL says that its version is.</summary>
    public static int Version { get; set; }

    /// <summary>Whether all processes see one GPU.</summary>
    public static bool HasOneGpu { get; set; }

    /// <summary>Marks that nobody has used up.</summary>
    public static int Marks { get; private set; }

    public static nint Functions(string name) => _functions[name];

    public static void Reset()
    {
        Calls.Clear();
        _worlds.Clear();
        _communicators.Clear();
        (Hangs, AsyncError, Version, HasOneGpu, Marks, _ids, _events) = (false, 0, 22705, false, 0, 0, 0);
    }

    public static int Count(string call) => Calls.Count(c => c.StartsWith(call, StringComparison.Ordinal));

    private static Dictionary<string, nint> Table() => new()
    {
        ["ncclGetVersion"] = (nint)(delegate* unmanaged<int*, int>)&GetVersion,
        ["ncclGetUniqueId"] = (nint)(delegate* unmanaged<Id*, int>)&GetUniqueId,
        ["ncclCommInitRank"] = (nint)(delegate* unmanaged<nint*, int, Id, int, int>)&InitializeRank,
        ["ncclAllReduce"] = (nint)(delegate* unmanaged<void*, void*, nuint, int, int, nint, nint, int>)&AllReduce,
        ["ncclReduce"] = (nint)(delegate* unmanaged<void*, void*, nuint, int, int, int, nint, nint, int>)&Reduce,
        ["ncclBroadcast"] = (nint)(delegate* unmanaged<void*, void*, nuint, int, int, nint, nint, int>)&Broadcast,
        ["ncclGroupStart"] = (nint)(delegate* unmanaged<int>)&GroupStart,
        ["ncclGroupEnd"] = (nint)(delegate* unmanaged<int>)&GroupEnd,
        ["ncclCommGetAsyncError"] = (nint)(delegate* unmanaged<nint, int*, int>)&GetAsyncError,
        ["ncclCommAbort"] = (nint)(delegate* unmanaged<nint, int>)&Abort,
        ["ncclCommDestroy"] = (nint)(delegate* unmanaged<nint, int>)&Destroy,
        ["ncclGetErrorString"] = (nint)(delegate* unmanaged<int, nint>)&GetErrorString,
        ["ncclGetLastError"] = (nint)(delegate* unmanaged<nint, nint>)&GetLastError,
        ["cuDeviceGet"] = (nint)(delegate* unmanaged<int*, int, int>)&DeviceGet,
        ["cuDeviceGetUuid"] = (nint)(delegate* unmanaged<byte*, int, int>)&DeviceGetUuid,
        ["cuDevicePrimaryCtxRetain"] = (nint)(delegate* unmanaged<nint*, int, int>)&ContextRetain,
        ["cuDevicePrimaryCtxRelease_v2"] = (nint)(delegate* unmanaged<int, int>)&ContextRelease,
        ["cuCtxPushCurrent_v2"] = (nint)(delegate* unmanaged<nint, int>)&ContextPush,
        ["cuCtxPopCurrent_v2"] = (nint)(delegate* unmanaged<nint*, int>)&ContextPop,
        ["cuStreamCreate"] = (nint)(delegate* unmanaged<nint*, uint, int>)&StreamCreate,
        ["cuStreamDestroy_v2"] = (nint)(delegate* unmanaged<nint, int>)&StreamDestroy,
        ["cuStreamWaitEvent"] = (nint)(delegate* unmanaged<nint, nint, uint, int>)&StreamWaitEvent,
        ["cuEventCreate"] = (nint)(delegate* unmanaged<nint*, uint, int>)&EventCreate,
        ["cuEventDestroy_v2"] = (nint)(delegate* unmanaged<nint, int>)&EventDestroy,
        ["cuEventRecord"] = (nint)(delegate* unmanaged<nint, nint, int>)&EventRecord,
        ["cuEventQuery"] = (nint)(delegate* unmanaged<nint, int>)&EventQuery,
    };

    private static void Say(FormattableString call) => Calls.Enqueue(FormattableString.Invariant(call));

    [UnmanagedCallersOnly]
    private static int GetVersion(int* version)
    {
        *version = Version;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GetUniqueId(Id* id)
    {
        byte[] text = Encoding.ASCII.GetBytes(
            Interlocked.Increment(ref _ids).ToString(CultureInfo.InvariantCulture).PadLeft(Id.Length, '0'));
        text.CopyTo(new Span<byte>(id->Bytes, Id.Length));
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int InitializeRank(nint* communicator, int size, Id id, int rank)
    {
        if (_contexts == 0)
            return InvalidUsage;
        string text = Encoding.ASCII.GetString(id.Bytes, Id.Length);
        int number = int.Parse(text, CultureInfo.InvariantCulture);
        World world = _worlds.GetOrAdd(number, _ => new World(size));
        *communicator = FirstCommunicator * number + rank;
        _communicators[*communicator] = (world, rank);
        Say($"ncclCommInitRank {size} {number} {rank}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int AllReduce(
        void* send, void* receive, nuint count, int type, int operation, nint communicator, nint stream)
    {
        Say($"ncclAllReduce {count} {type} {operation} {communicator} {stream}");
        return Meet(communicator, send, receive, (int)count * sizeof(float), parts => SumOf(parts, (int)count), null);
    }

    [UnmanagedCallersOnly]
    private static int Reduce(
        void* send, void* receive, nuint count, int type, int operation, int root, nint communicator, nint stream)
    {
        Say($"ncclReduce {count} {type} {operation} {root} {communicator} {stream}");
        return Meet(communicator, send, receive, (int)count * sizeof(float), parts => SumOf(parts, (int)count), root);
    }

    [UnmanagedCallersOnly]
    private static int Broadcast(void* send, void* receive, nuint count, int type, int root, nint communicator, nint stream)
    {
        Say($"ncclBroadcast {count} {type} {root} {communicator} {stream}");
        return Meet(
            communicator, send, receive, (int)count, parts => new ReadOnlySpan<byte>((void*)parts[root], (int)count).ToArray(), null);
    }

    [UnmanagedCallersOnly]
    private static int GroupStart()
    {
        Say($"ncclGroupStart");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GroupEnd()
    {
        Say($"ncclGroupEnd");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GetAsyncError(nint communicator, int* error)
    {
        *error = AsyncError;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Abort(nint communicator)
    {
        Say($"ncclCommAbort {communicator}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Destroy(nint communicator)
    {
        Say($"ncclCommDestroy {communicator}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static nint GetErrorString(int result) => _errorText;

    [UnmanagedCallersOnly]
    private static nint GetLastError(nint communicator) => _lastError;

    [UnmanagedCallersOnly]
    private static int DeviceGet(int* device, int ordinal)
    {
        *device = ordinal;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int DeviceGetUuid(byte* id, int device)
    {
        new Span<byte>(id, 16).Fill(HasOneGpu ? (byte)1 : (byte)Interlocked.Increment(ref _events));
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int ContextRetain(nint* context, int device)
    {
        *context = 7;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int ContextRelease(int device) => 0;

    [UnmanagedCallersOnly]
    private static int ContextPush(nint context)
    {
        _contexts++;
        return context == 7 ? 0 : 1;
    }

    [UnmanagedCallersOnly]
    private static int ContextPop(nint* context)
    {
        _contexts--;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int StreamCreate(nint* stream, uint flags)
    {
        *stream = OwnStream;
        Say($"cuStreamCreate {flags}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int StreamDestroy(nint stream)
    {
        Say($"cuStreamDestroy {stream}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int StreamWaitEvent(nint stream, nint mark, uint flags)
    {
        Say($"cuStreamWaitEvent {stream} {flags}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int EventCreate(nint* mark, uint flags)
    {
        lock (Calls)
            Marks++;
        *mark = Interlocked.Increment(ref _events) + 1000;
        return flags == 2 && _contexts > 0 ? 0 : 1;
    }

    [UnmanagedCallersOnly]
    private static int EventDestroy(nint mark)
    {
        lock (Calls)
            Marks--;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int EventRecord(nint mark, nint stream)
    {
        Say($"cuEventRecord {stream}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int EventQuery(nint mark) => Hangs ? NotReady : 0;

    private static int Meet(
        nint communicator, void* send, void* receive, int bytes, Func<nint[], byte[]> compute, int? root)
    {
        if (_contexts == 0 || send != receive)
            return InvalidUsage;
        // What hangs has begun.
        if (Hangs)
            return 0;
        (World world, int rank) = _communicators[communicator];
        world.Parts[rank] = (nint)send;
        if (!world.Meets())
            return SystemError;
        byte[] result = compute(world.Parts);
        if (!world.Meets())
            return SystemError;
        if (root is null || root == rank)
            result.CopyTo(new Span<byte>(receive, bytes));
        return 0;
    }

    private static byte[] SumOf(nint[] parts, int count)
    {
        var sums = new float[count];
        foreach (nint part in parts)
        {
            for (int i = 0; i < count; i++)
                sums[i] += ((float*)part)[i];
        }

        return MemoryMarshal.AsBytes<float>(sums).ToArray();
    }

    private struct Id
    {
        public const int Length = 128;

        public fixed byte Bytes[Length];
    }

    private sealed class World(int size)
    {
        private readonly Lock _lock = new();
        private int _arrived;
        private int _meetings;

        public nint[] Parts { get; } = new nint[size];

        public bool Meets()
        {
            int meeting;
            lock (_lock)
            {
                meeting = _meetings;
                if (++_arrived == Parts.Length)
                {
                    (_arrived, _meetings) = (0, _meetings + 1);
                    return true;
                }
            }

            return SpinWait.SpinUntil(() => Volatile.Read(ref _meetings) != meeting, TimeSpan.FromSeconds(60));
        }
    }
}
