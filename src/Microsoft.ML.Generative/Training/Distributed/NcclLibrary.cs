using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// The functions of NVIDIA's NCCL. Names, the order of arguments and numbers are those of its nccl.h
/// (github.com/NVIDIA/nccl, src/nccl.h.in).
/// </summary>
internal sealed unsafe class NcclLibrary
{
    private const string FileName = "libnccl.so.2";

    // ncclDataType_t, ncclRedOp_t and ncclResult_t.
    private const int Byte = 1;
    private const int Float32 = 7;
    private const int Sum = 0;
    private const int InProgress = 7;

    // The first with ncclGetLastError.
    private const int LeastVersion = 21300;

    private readonly delegate* unmanaged<NcclId*, int> _getUniqueId;
    private readonly delegate* unmanaged<nint*, int, NcclId, int, int> _initializeRank;
    private readonly delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int> _allReduce;
    private readonly delegate* unmanaged<nint, nint, nuint, int, int, int, nint, nint, int> _reduce;
    private readonly delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int> _broadcast;
    private readonly delegate* unmanaged<int> _groupStart;
    private readonly delegate* unmanaged<int> _groupEnd;
    private readonly delegate* unmanaged<nint, int*, int> _getAsyncError;
    private readonly delegate* unmanaged<nint, int> _abort;
    private readonly delegate* unmanaged<nint, int> _destroy;
    private readonly delegate* unmanaged<int, nint> _getErrorString;
    private readonly delegate* unmanaged<nint, nint> _getLastError;

    /// <param name="functions">The library's functions, by their names.</param>
    /// <exception cref="InvalidOperationException">The library is too old.</exception>
    public NcclLibrary(Func<string, nint> functions)
    {
        int version;
        int result = ((delegate* unmanaged<int*, int>)functions("ncclGetVersion"))(&version);
        if (result != 0 || version < LeastVersion)
        {
            throw new InvalidOperationException(
                $"{Option} is {nameof(DistributedEngine.Nccl)}, and NCCL has version {(result == 0 ? Describe(version) : "unknown")}; "
                + $"{Describe(LeastVersion)} or later is needed. {Installation}");
        }

        Version = Describe(version);
        _getUniqueId = (delegate* unmanaged<NcclId*, int>)functions("ncclGetUniqueId");
        _initializeRank = (delegate* unmanaged<nint*, int, NcclId, int, int>)functions("ncclCommInitRank");
        _allReduce = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int>)functions("ncclAllReduce");
        _reduce = (delegate* unmanaged<nint, nint, nuint, int, int, int, nint, nint, int>)functions("ncclReduce");
        _broadcast = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int>)functions("ncclBroadcast");
        _groupStart = (delegate* unmanaged<int>)functions("ncclGroupStart");
        _groupEnd = (delegate* unmanaged<int>)functions("ncclGroupEnd");
        _getAsyncError = (delegate* unmanaged<nint, int*, int>)functions("ncclCommGetAsyncError");
        _abort = (delegate* unmanaged<nint, int>)functions("ncclCommAbort");
        _destroy = (delegate* unmanaged<nint, int>)functions("ncclCommDestroy");
        _getErrorString = (delegate* unmanaged<int, nint>)functions("ncclGetErrorString");
        _getLastError = (delegate* unmanaged<nint, nint>)functions("ncclGetLastError");
    }

    /// <summary>The version, such as 2.27.5. All processes need the same.</summary>
    public string Version { get; }

    private static string Option => $"{nameof(TrainingOptions.Distributed)}.{nameof(DistributedOptions.Engine)}";

    private static string Installation =>
        "Install it, on Linux (with NVIDIA's repository: apt install libnccl2; beside the PyTorch whose torch/lib "
        + $"{LibTorchFolder.Variable} names: pip install nvidia-nccl-cu12 or -cu13), or set {Option} to {nameof(DistributedEngine.Mpi)}.";

    /// <summary>Loads the library of the machine.</summary>
    /// <exception cref="InvalidOperationException">There is none, or it is too old; the message says what to install.</exception>
    public static NcclLibrary Load() => Load(Candidates(Path.GetDirectoryName(LibTorchFolder.LoadedFile())));

    /// <inheritdoc cref="Load()"/>
    /// <param name="files">The files to try.</param>
    public static NcclLibrary Load(IReadOnlyList<string> files)
    {
        foreach (string file in files)
        {
            if (NativeLibrary.TryLoad(file, out nint library))
                return new NcclLibrary(name => NativeLibrary.GetExport(library, name));
        }

        throw new InvalidOperationException(
            $"{Option} is {nameof(DistributedEngine.Nccl)}, and none of {string.Join(", ", files)} could be loaded. {Installation}");
    }

    /// <summary>The files to try: one that is loaded or that the system's loader finds, and those that come with PyTorch.</summary>
    /// <param name="libTorch">The folder of libtorch.</param>
    internal static string[] Candidates(string? libTorch) => libTorch is null ? [FileName] :
    [
        FileName,
        Path.Combine(libTorch, FileName),
        Path.GetFullPath(Path.Combine(libTorch, "..", "..", "nvidia", "nccl", "lib", FileName)),
    ];

    /// <summary>What a version is called that NCCL has coded: 21805 is 2.18.5, and before 2.9 2804 is 2.8.4.</summary>
    internal static string Describe(int code)
    {
        int major = code < 10_000 ? 1_000 : 10_000;
        return string.Create(CultureInfo.InvariantCulture, $"{code / major}.{code % major / 100}.{code % 100}");
    }

    /// <summary>A name for processes that connect to each other.</summary>
    public byte[] NewId()
    {
        NcclId id;
        Check(_getUniqueId(&id), 0);
        return new ReadOnlySpan<byte>(id.Bytes, NcclId.Length).ToArray();
    }

    /// <summary>Connects with the other processes, all of which do the same.</summary>
    /// <returns>The communicator.</returns>
    public nint Connect(int size, ReadOnlySpan<byte> id, int rank)
    {
        NcclId copy;
        id.CopyTo(new Span<byte>(copy.Bytes, NcclId.Length));
        nint communicator = 0;
        Check(_initializeRank(&communicator, size, copy, rank), 0);
        return communicator;
    }

    public void AllReduce(nint values, long count, nint communicator, nint stream) =>
        Check(_allReduce(values, values, (nuint)count, Float32, Sum, communicator, stream), communicator);

    public void Reduce(nint values, long count, int rank, nint communicator, nint stream) =>
        Check(_reduce(values, values, (nuint)count, Float32, Sum, rank, communicator, stream), communicator);

    public void Broadcast(nint values, long bytes, int rank, nint communicator, nint stream) =>
        Check(_broadcast(values, values, (nuint)bytes, Byte, rank, communicator, stream), communicator);

    /// <summary>Lets NCCL begin several exchanges at once.</summary>
    public void Group(Action exchanges)
    {
        Check(_groupStart(), 0);
        try
        {
            exchanges();
        }
        catch
        {
            _ = _groupEnd();
            throw;
        }

        Check(_groupEnd(), 0);
    }

    /// <exception cref="InvalidOperationException">What was begun has failed, such as when another process is lost.</exception>
    public void CheckConnection(nint communicator)
    {
        int error;
        Check(_getAsyncError(communicator, &error), communicator);
        if (error != InProgress)
            Check(error, communicator);
    }

    /// <summary>Ends what was begun, whatever other processes do.</summary>
    public void Abort(nint communicator) => _ = _abort(communicator);

    public void Destroy(nint communicator) => _ = _destroy(communicator);

    private void Check(int result, nint communicator)
    {
        if (result == 0)
            return;
        string? detail = Marshal.PtrToStringUTF8(_getLastError(communicator));
        throw new InvalidOperationException(
            $"NCCL {Version} has failed: {Marshal.PtrToStringUTF8(_getErrorString(result))}"
            + $"{(string.IsNullOrWhiteSpace(detail) ? "" : $" ({detail.Trim()})")}. NCCL_DEBUG=WARN in the environment shows more.");
    }
}

/// <summary>ncclUniqueId.</summary>
internal unsafe struct NcclId
{
    /// <summary>NCCL_UNIQUE_ID_BYTES.</summary>
    public const int Length = 128;

    public fixed byte Bytes[Length];
}
