using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>The memory of devices that have their own.</summary>
internal static class DeviceMemory
{
    /// <summary>Bytes that are in use, by whomever; <see langword="null"/> for the CPU.</summary>
    public static long? InUse(torch.Device device) =>
        device.type == DeviceType.CUDA ? CudaDriver.MemoryInUse(Math.Max(0, device.index)) : null;
}
