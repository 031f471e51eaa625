using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>Copies to the device that computes.</summary>
internal static class DeviceCopy
{
    /// <summary>
    /// The tensor on a device. What crosses to a GPU goes through pinned memory, so that the program does not wait until the GPU has done
    /// all that it was asked before.
    /// </summary>
    public static Tensor OnDevice(this Tensor values, Device device)
    {
        if (device.type != DeviceType.CUDA || values.device_type != DeviceType.CPU)
            return values.to(device);
        // libtorch keeps pinned memory for the next copy, and does not give it away before this one is done.
        using Tensor pinned = values.pin_memory();
        return pinned.to(device, non_blocking: true);
    }
}
