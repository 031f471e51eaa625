using System.Globalization;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>Why CUDA cannot be used, in a sentence that says what to do.</summary>
internal static class CudaProblems
{
    // CUresult of the driver's interface.
    private const int NoDevice = 100;
    private const int DriverMismatch = 803;
    private const int NotSupportedOnDevice = 804;

    /// <summary>The first thing that stands in the way; <see langword="null"/> if nothing does.</summary>
    public static string? Find(CudaFacts driver, LibTorchCuda libtorch)
    {
        if (libtorch.DeviceCount > 0)
            return null;
        if (!driver.HasDriver)
            return "There is no NVIDIA driver on this system (nvidia-smi shows one; containers need --gpus all).";
        if (driver.Error != 0)
            return DescribeError(driver.Error);
        if (driver.Gpus.Count == 0)
            return NoGpu();
        if (!libtorch.HasCuda)
        {
            return $"The libtorch in '{libtorch.Folder}' is a build for the CPU: replace its package by Microsoft.ML.Generative.Gpu, or "
                + $"name the folder of one with CUDA in {LibTorchFolder.Variable}.";
        }

        if (driver.Version is { } version && version.Major < libtorch.CudaVersion)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"The NVIDIA driver supports CUDA {version.Major}.{version.Minor}, and libtorch was built for CUDA {libtorch.CudaVersion}: "
                + $"update the driver.");
        }

        return $"The NVIDIA driver finds {driver.Gpus[0].Name}, but libtorch in '{libtorch.Folder}' cannot use it: a native library of "
            + "CUDA beside it may be missing, or libtorch may not support the GPU's compute capability "
            + $"{driver.Gpus[0].Capability.Major}.{driver.Gpus[0].Capability.Minor}.";
    }

    private static string DescribeError(int error) => error switch
    {
        NoDevice => NoGpu(),
        DriverMismatch => "The NVIDIA driver and its library libcuda have different versions: restart the system after an update.",
        NotSupportedOnDevice => "The CUDA compatibility package of this system does not support its GPU: remove it, or update the driver.",
        _ => string.Create(
            CultureInfo.InvariantCulture, $"The NVIDIA driver does not start (CUDA error {error}): nvidia-smi may say more."),
    };

    private static string NoGpu() =>
        Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is { } visible
            ? $"The NVIDIA driver finds no GPU; the environment variable CUDA_VISIBLE_DEVICES is '{visible}'."
            : "The NVIDIA driver finds no GPU.";
}
