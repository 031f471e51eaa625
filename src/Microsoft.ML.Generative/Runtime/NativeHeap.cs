using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// glibc returns freed memory to the system as soon as a few megabytes lie at the end of its heap, and a training, which frees all of a
/// step's tensors at its end, then spends a tenth of its time on getting the same pages again.
/// </summary>
internal static partial class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MapThreshold = -3;
    private const int MostToKeep = 256 << 20;

    // The most that glibc takes.
    private const int LargestOnHeap = 32 << 20;

    /// <summary>Bytes of freed memory that are worth returning to the system.</summary>
    public const long WorthReturning = 1 << 20;

    private static readonly Lazy<bool> _isKeeping = new(Keep);
    private static int _isReturning;

    /// <summary>
    /// Keeps up to 256 MiB of freed memory, from now on and for the whole process, until <see cref="ReturnFreedMemory"/>. Does nothing on
    /// other systems.
    /// </summary>
    public static void KeepFreedMemory() => _ = _isKeeping.Value;

    /// <summary>Returns freed memory to the system, as far as it was kept.</summary>
    public static void ReturnFreedMemory()
    {
        if (_isKeeping is { IsValueCreated: true, Value: true })
            _ = Trim(0);
    }

    /// <summary>Returns freed memory when the finalizers that are waiting have freed theirs.</summary>
    public static void ReturnFreedMemoryAfterFinalizers()
    {
        if (Interlocked.Exchange(ref _isReturning, 1) == 1)
            return;
        ThreadPool.UnsafeQueueUserWorkItem(
            _ =>
            {
                Volatile.Write(ref _isReturning, 0);
                GC.WaitForPendingFinalizers();
                ReturnFreedMemory();
            },
            null);
    }

    private static bool Keep()
    {
        try
        {
            return OperatingSystem.IsLinux() && SetOption(TrimThreshold, MostToKeep) + SetOption(MapThreshold, LargestOnHeap) == 2;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library.
            return false;
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint kept);

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
