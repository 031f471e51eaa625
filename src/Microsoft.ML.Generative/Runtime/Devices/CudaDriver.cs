using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>
/// Asks NVIDIA's driver for its GPUs, without making a context on them. It is there or not, whatever libtorch is: where it is not, the
/// answer says so.
/// </summary>
internal static unsafe class CudaDriver
{
    private const int NameLength = 256;
    private const int CapabilityMajor = 75;
    private const int CapabilityMinor = 76;

    public static CudaFacts Read()
    {
        string library = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        if (OperatingSystem.IsMacOS() || !NativeLibrary.TryLoad(library, out nint cuda))
            return CudaFacts.NoDriver;
        try
        {
            return Read(cuda);
        }
        catch (EntryPointNotFoundException)
        {
            return CudaFacts.NoDriver;
        }
    }

    /// <summary>Bytes of a GPU's memory that are in use; <see langword="null"/> if the driver does not say.</summary>
    /// <param name="ordinal">A GPU that this process computes on.</param>
    public static long? MemoryInUse(int ordinal)
    {
        string library = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        if (!NativeLibrary.TryLoad(library, out nint cuda))
            return null;
        var get = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(cuda, "cuDeviceGet");
        var retain = (delegate* unmanaged<nint*, int, int>)NativeLibrary.GetExport(cuda, "cuDevicePrimaryCtxRetain");
        var release = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(cuda, "cuDevicePrimaryCtxRelease_v2");
        var push = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(cuda, "cuCtxPushCurrent_v2");
        var pop = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(cuda, "cuCtxPopCurrent_v2");
        var getInfo = (delegate* unmanaged<nuint*, nuint*, int>)NativeLibrary.GetExport(cuda, "cuMemGetInfo_v2");
        int device = 0;
        nint context = 0;
        nuint free = 0, total = 0;
        if (get(&device, ordinal) != 0 || retain(&context, device) != 0)
            return null;
        try
        {
            if (push(context) != 0)
                return null;
            bool isRead = getInfo(&free, &total) == 0;
            _ = pop(&context);
            return isRead ? (long)(total - free) : null;
        }
        finally
        {
            _ = release(device);
        }
    }

    private static CudaFacts Read(nint cuda)
    {
        var initialize = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(cuda, "cuInit");
        var getVersion = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(cuda, "cuDriverGetVersion");
        var getCount = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(cuda, "cuDeviceGetCount");
        int value = 0;
        // 12080 is 12.8.
        Version? version = getVersion(&value) == 0 && value > 0 ? new Version(value / 1000, value % 1000 / 10) : null;
        int error = initialize(0);
        if (error == 0)
            error = getCount(&value);
        if (error != 0)
            return new CudaFacts(true, error, version, []);

        using Nvml? memory = Nvml.Open();
        var gpus = new List<CudaGpu>();
        for (int i = 0; i < value; i++)
        {
            if (ReadGpu(cuda, i, memory) is { } gpu)
                gpus.Add(gpu);
        }

        return new CudaFacts(true, 0, version, gpus);
    }

    private static CudaGpu? ReadGpu(nint cuda, int ordinal, Nvml? memory)
    {
        var get = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(cuda, "cuDeviceGet");
        var getName = (delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(cuda, "cuDeviceGetName");
        var getMemory = (delegate* unmanaged<nuint*, int, int>)NativeLibrary.GetExport(cuda, "cuDeviceTotalMem_v2");
        var getAttribute = (delegate* unmanaged<int*, int, int, int>)NativeLibrary.GetExport(cuda, "cuDeviceGetAttribute");
        var getBus = (delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(cuda, "cuDeviceGetPCIBusId");
        int device = 0, major = 0, minor = 0;
        nuint total = 0;
        byte* name = stackalloc byte[NameLength], bus = stackalloc byte[NameLength];
        bool isRead = get(&device, ordinal) == 0
            && getName(name, NameLength, device) == 0
            && getMemory(&total, device) == 0
            && getAttribute(&major, CapabilityMajor, device) == 0
            && getAttribute(&minor, CapabilityMinor, device) == 0;
        if (!isRead)
            return null;
        long? free = getBus(bus, NameLength, device) == 0 ? memory?.FreeMemory(bus) : null;
        return new CudaGpu(Marshal.PtrToStringUTF8((nint)name)!, (long)total, free, new Version(major, minor));
    }
}
