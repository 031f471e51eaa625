using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Runtime.Contention;

/// <summary>
/// A team of OpenMP that does nothing, so that there are more threads of OpenMP than processors. As long as it is there, all threads that
/// wait for each other sleep after a moment; otherwise they look out for some milliseconds
/// (https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html).
/// </summary>
internal sealed class SleepingTeam : IDisposable
{
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _leader;

    /// <param name="openMp">libtorch's OpenMP.</param>
    /// <param name="threads">Threads of libtorch's own team.</param>
    public SleepingTeam(GnuOpenMp openMp, int threads)
    {
        _leader = new Thread(() => Hold(openMp, threads)) { IsBackground = true, Name = "Sleeping team" };
        _leader.Start();
    }

    // Threads of a team end with its leader.
    public void Dispose()
    {
        _end.Set();
        _leader.Join();
        _end.Dispose();
    }

    private unsafe void Hold(GnuOpenMp openMp, int threads)
    {
        int others = Math.Max(1, openMp.Processors() - threads + 1);
        openMp.Parallel(&DoNothing, null, (uint)(1 + others), 0);
        _end.Wait();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static unsafe void DoNothing(void* state)
    {
    }
}
