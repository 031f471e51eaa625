using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The functions of GNU's OpenMP library that libtorch has loaded, which need not be the system's:
/// https://gcc.gnu.org/onlinedocs/libgomp/Implementing-PARALLEL-construct.html
/// </summary>
internal readonly unsafe struct GnuOpenMp
{
    private static readonly Lazy<GnuOpenMp?> _loaded = new(Find);

    /// <summary>Calls a function with a pointer on a number of threads, of which the caller is one.</summary>
    public readonly delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void> Parallel;

    public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<int> ThreadNumber;

    public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<int> ThreadCount;

    /// <summary>Processors that the process may run on.</summary>
    public readonly delegate* unmanaged[Cdecl]<int> Processors;

    private GnuOpenMp(nint parallel, nint threadNumber, nint threadCount, nint processors)
    {
        Parallel = (delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void>)parallel;
        ThreadNumber = (delegate* unmanaged[Cdecl, SuppressGCTransition]<int>)threadNumber;
        ThreadCount = (delegate* unmanaged[Cdecl, SuppressGCTransition]<int>)threadCount;
        Processors = (delegate* unmanaged[Cdecl]<int>)processors;
    }

    /// <summary>The library; <see langword="null"/> where libtorch has another one.</summary>
    public static GnuOpenMp? Loaded => _loaded.Value;

    private static GnuOpenMp? Find()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        TorchRuntime.EnsureLoaded();
        using var process = Process.GetCurrentProcess();
        string? torchPath = process.Modules.Cast<ProcessModule>().FirstOrDefault(m => m.ModuleName == "libtorch_cpu.so")?.FileName;
        // A library's exports are looked for in what it depends on, too.
        return torchPath is not null && NativeLibrary.TryLoad(torchPath, out nint handle)
            && NativeLibrary.TryGetExport(handle, "GOMP_parallel", out nint parallel)
            && NativeLibrary.TryGetExport(handle, "omp_get_thread_num", out nint threadNumber)
            && NativeLibrary.TryGetExport(handle, "omp_get_num_threads", out nint threadCount)
            && NativeLibrary.TryGetExport(handle, "omp_get_num_procs", out nint processors)
            ? new GnuOpenMp(parallel, threadNumber, threadCount, processors)
            : null;
    }
}
