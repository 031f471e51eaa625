using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>NVIDIA's management library, which knows the free memory of a GPU without a context on it.</summary>
internal sealed unsafe class Nvml : IDisposable
{
    private readonly nint _library;

    private Nvml(nint library) => _library = library;

    /// <summary>Starts it; <see langword="null"/> where it is missing.</summary>
    public static Nvml? Open()
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1", out nint library))
            return null;
        return NativeLibrary.TryGetExport(library, "nvmlInit_v2", out nint start) && ((delegate* unmanaged<int>)start)() == 0
            ? new Nvml(library)
            : null;
    }

    /// <summary>Bytes that nobody uses; <see langword="null"/> if it does not say.</summary>
    /// <param name="bus">The GPU's PCI bus, as the driver writes it.</param>
    public long? FreeMemory(byte* bus)
    {
        if (!NativeLibrary.TryGetExport(_library, "nvmlDeviceGetHandleByPciBusId_v2", out nint find)
            || !NativeLibrary.TryGetExport(_library, "nvmlDeviceGetMemoryInfo", out nint read))
        {
            return null;
        }

        nint device;
        // Total, free, used.
        ulong* memory = stackalloc ulong[3];
        return ((delegate* unmanaged<byte*, nint*, int>)find)(bus, &device) == 0
            && ((delegate* unmanaged<nint, ulong*, int>)read)(device, memory) == 0
            ? (long)memory[1]
            : null;
    }

    public void Dispose()
    {
        if (NativeLibrary.TryGetExport(_library, "nvmlShutdown", out nint end))
            ((delegate* unmanaged<int>)end)();
    }
}
