using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>The functions of an MPI library that is found when it is needed.</summary>
internal sealed unsafe class MpiLibrary
{
    private const int ThreadSerialized = 2;

    private readonly delegate* unmanaged[Cdecl]<nint*, int*, nint, int> _test;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, int, int, nint, nint*, int> _send;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, int, int, nint, nint*, int> _receive;
    private readonly delegate* unmanaged[Cdecl]<nint, void*, int, nint, nint, nint, nint*, int> _allReduce;
    private readonly delegate* unmanaged[Cdecl]<nint, void*, int, nint, nint, int, nint, nint*, int> _reduce;
    private readonly delegate* unmanaged[Cdecl]<void*, int, nint, int, nint, nint*, int> _broadcast;
    private readonly delegate* unmanaged[Cdecl]<nint, int, int> _abort;
    private readonly delegate* unmanaged[Cdecl]<int> _finalize;
    private readonly MpiAbi _abi;
    private readonly nint _world;

    // What MPI writes of a finished operation, larger than that of any library; nobody reads it.
    private readonly nint _status = (nint)NativeMemory.AllocZeroed(256);

    private MpiLibrary(nint library, string name)
    {
        _abi = MpiAbi.Of(library, name);
        _test = (delegate* unmanaged[Cdecl]<nint*, int*, nint, int>)NativeLibrary.GetExport(library, "MPI_Test");
        _send = (delegate* unmanaged[Cdecl]<void*, int, nint, int, int, nint, nint*, int>)NativeLibrary.GetExport(library, "MPI_Isend");
        _receive = (delegate* unmanaged[Cdecl]<void*, int, nint, int, int, nint, nint*, int>)NativeLibrary.GetExport(library, "MPI_Irecv");
        _allReduce = (delegate* unmanaged[Cdecl]<nint, void*, int, nint, nint, nint, nint*, int>)
            NativeLibrary.GetExport(library, "MPI_Iallreduce");
        _reduce = (delegate* unmanaged[Cdecl]<nint, void*, int, nint, nint, int, nint, nint*, int>)
            NativeLibrary.GetExport(library, "MPI_Ireduce");
        _broadcast = (delegate* unmanaged[Cdecl]<void*, int, nint, int, nint, nint*, int>)NativeLibrary.GetExport(library, "MPI_Ibcast");
        _abort = (delegate* unmanaged[Cdecl]<nint, int, int>)NativeLibrary.GetExport(library, "MPI_Abort");
        _finalize = (delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "MPI_Finalize");
        Start(library);
        nint world;
        Check(((delegate* unmanaged[Cdecl]<nint, nint*, int>)NativeLibrary.GetExport(library, "MPI_Comm_dup"))(_abi.World, &world));
        // A handle of 32 bits leaves the others as they were.
        _world = world;
        int value;
        Check(((delegate* unmanaged[Cdecl]<nint, int*, int>)NativeLibrary.GetExport(library, "MPI_Comm_rank"))(_world, &value));
        Rank = value;
        Check(((delegate* unmanaged[Cdecl]<nint, int*, int>)NativeLibrary.GetExport(library, "MPI_Comm_size"))(_world, &value));
        Size = value;
    }

    public int Rank { get; }

    public int Size { get; }

    /// <summary>Loads and starts the library that this process was started with.</summary>
    /// <exception cref="InvalidOperationException">There is none; the message says what to install.</exception>
    public static MpiLibrary Load()
    {
        var tried = new List<string>();
        foreach (string name in Candidates(Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_SIZE") is not null))
        {
            if (NativeLibrary.TryLoad(name, out nint library))
                return new MpiLibrary(library, name);
            tried.Add(name);
        }

        throw new InvalidOperationException(
            $"{nameof(TrainingOptions.Distributed)} needs an MPI library, and none of {string.Join(", ", tried)} could be loaded. "
            + "Install one (Debian, Ubuntu: apt install openmpi-bin) and start the program with it: mpirun -n 2 dotnet train.dll.");
    }

    /// <summary>The names to try, those of the launcher's own library first.</summary>
    internal static string[] Candidates(bool isOpenMpi)
    {
        if (OperatingSystem.IsWindows())
            return ["mpi_abi.dll", "impi.dll", "msmpi.dll"];
        if (OperatingSystem.IsMacOS())
            return ["libmpi.dylib", "libmpi_abi.dylib"];
        string[] open = ["libmpi.so.40"], others = ["libmpi_abi.so.0", "libmpich.so.12", "libmpi.so.12"];
        return [.. isOpenMpi ? open.Concat(others) : others.Concat(open), "libmpi.so"];
    }

    public void Finish() => _finalize();

    public void Abort() => _abort(_world, 1);

    /// <summary>Whether an operation has ended; lets others proceed.</summary>
    public bool Test(ref nint request)
    {
        int hasEnded = 0;
        fixed (nint* handle = &request)
            Check(_test(handle, &hasEnded, _status));
        return hasEnded != 0;
    }

    public nint Send(byte* bytes, int count, int rank)
    {
        nint request = 0;
        Check(_send(bytes, count, _abi.Byte, rank, 0, _world, &request));
        return request;
    }

    public nint Receive(byte* bytes, int count, int rank)
    {
        nint request = 0;
        Check(_receive(bytes, count, _abi.Byte, rank, 0, _world, &request));
        return request;
    }

    public nint Sum(float* values, int count)
    {
        nint request = 0;
        Check(_allReduce(_abi.InPlace, values, count, _abi.Float, _abi.Sum, _world, &request));
        return request;
    }

    public nint SumInto(int rank, float* values, int count)
    {
        nint request = 0;
        Check(rank == Rank
            ? _reduce(_abi.InPlace, values, count, _abi.Float, _abi.Sum, rank, _world, &request)
            : _reduce((nint)values, null, count, _abi.Float, _abi.Sum, rank, _world, &request));
        return request;
    }

    public nint Broadcast(int rank, byte* bytes, int count)
    {
        nint request = 0;
        Check(_broadcast(bytes, count, _abi.Byte, rank, _world, &request));
        return request;
    }

    private static void Start(nint library)
    {
        int flag = 0;
        Check(((delegate* unmanaged[Cdecl]<int*, int>)NativeLibrary.GetExport(library, "MPI_Initialized"))(&flag));
        if (flag != 0)
            return;
        var start = (delegate* unmanaged[Cdecl]<nint, nint, int, int*, int>)NativeLibrary.GetExport(library, "MPI_Init_thread");
        Check(start(0, 0, ThreadSerialized, &flag));
    }

    private static void Check(int code)
    {
        if (code != 0)
            throw new InvalidOperationException($"MPI has failed with error {code}.");
    }
}
