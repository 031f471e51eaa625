using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Runs a kernel on libtorch's own threads. They wait busily between its operations, so that threads of ours would only take turns with
/// them. Where libtorch has another threading library than GNU's, the calling thread does all the work.
/// </summary>
internal static unsafe class ThreadTeam
{
    // Elements from which a second thread pays: threads need some microseconds to begin and to end together.
    private const long WorthwhileElements = 1 << 15;

    // Parts begin at multiples, so that no two threads write to one cache line.
    private const int Grain = 1024;

    private static readonly Lazy<Library?> _library = new(Library.Find);

    /// <summary>Calls a kernel for all items, divided among the threads.</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="size">Elements of an item.</param>
    /// <param name="state">What the kernel works on.</param>
    /// <param name="kernel">Works on the items from the first number up to the second. It throws nothing.</param>
    public static void Run(long count, int size, void* state, delegate*<void*, long, long, void> kernel)
    {
        int threads = count * size < WorthwhileElements ? 1 : torch.get_num_threads();
        if (threads == 1 || _library.Value is not { } library)
        {
            kernel(state, 0, count);
            return;
        }

        var work = new Work { Kernel = kernel, State = state, Count = count, Grain = Math.Max(1, Grain / size), Library = library };
        library.Parallel(&RunPart, &work, (uint)threads, 0);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void RunPart(Work* work)
    {
        int thread = work->Library.ThreadNumber(), threads = work->Library.ThreadCount();
        long grains = (work->Count + work->Grain - 1) / work->Grain;
        long start = grains * thread / threads * work->Grain;
        long end = Math.Min(work->Count, grains * (thread + 1) / threads * work->Grain);
        if (start < end)
            work->Kernel(work->State, start, end);
    }

    private struct Work
    {
        public delegate*<void*, long, long, void> Kernel;
        public void* State;
        public long Count, Grain;
        public Library Library;
    }

    // The functions of GNU's OpenMP library: https://gcc.gnu.org/onlinedocs/libgomp/Implementing-PARALLEL-construct.html
    private readonly struct Library(nint parallel, nint threadNumber, nint threadCount)
    {
        public readonly delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<Work*, void>, Work*, uint, uint, void> Parallel =
            (delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<Work*, void>, Work*, uint, uint, void>)parallel;

        public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<int> ThreadNumber =
            (delegate* unmanaged[Cdecl, SuppressGCTransition]<int>)threadNumber;

        public readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<int> ThreadCount =
            (delegate* unmanaged[Cdecl, SuppressGCTransition]<int>)threadCount;

        /// <summary>The library that libtorch has loaded, which need not be the system's.</summary>
        public static Library? Find()
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
                ? new Library(parallel, threadNumber, threadCount)
                : null;
        }
    }
}
