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

    /// <summary>Calls a kernel for all items, divided among the threads.</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="size">Elements of an item.</param>
    /// <param name="state">What the kernel works on.</param>
    /// <param name="kernel">Works on the items from the first number up to the second. It throws nothing.</param>
    public static void Run(long count, int size, void* state, delegate*<void*, long, long, void> kernel)
    {
        int threads = count * size < WorthwhileElements ? 1 : torch.get_num_threads();
        if (threads == 1 || GnuOpenMp.Loaded is not { } library)
        {
            kernel(state, 0, count);
            return;
        }

        var work = new Work { Kernel = kernel, State = state, Count = count, Grain = Math.Max(1, Grain / size), Library = library };
        library.Parallel(&RunPart, &work, (uint)threads, 0);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void RunPart(void* state)
    {
        var work = (Work*)state;
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
        public GnuOpenMp Library;
    }
}
