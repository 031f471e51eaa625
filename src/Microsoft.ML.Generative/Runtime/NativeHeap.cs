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

    private static readonly Lazy<bool> _isKeeping = new(Keep);

    /// <summary>Keeps up to 256 MiB of freed memory, from now on and for the whole process. Does nothing on other systems.</summary>
    public static void KeepFreedMemory() => _ = _isKeeping.Value;

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

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
