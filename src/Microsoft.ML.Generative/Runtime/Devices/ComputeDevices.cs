using System.Collections;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Devices;

namespace Microsoft.ML.Generative;

/// <summary>The CPU, and the GPUs that the system has, as they were when the list was made.</summary>
public sealed class ComputeDevices : IReadOnlyList<ComputeDevice>
{
    private readonly ComputeDevice[] _devices;

    private ComputeDevices(ComputeDevice[] devices, string? cudaProblem) => (_devices, CudaProblem) = (devices, cudaProblem);

    /// <summary>Why no GPU can be used, and what to do about it; <see langword="null"/> if one can.</summary>
    public string? CudaProblem { get; }

    /// <inheritdoc/>
    public int Count => _devices.Length;

    /// <inheritdoc/>
    public ComputeDevice this[int index] => _devices[index];

    /// <inheritdoc/>
    public IEnumerator<ComputeDevice> GetEnumerator() => _devices.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <exception cref="InvalidOperationException">libtorch is missing or does not fit; the message says what to do.</exception>
    internal static ComputeDevices Find()
    {
        TorchRuntime.EnsureLoaded();
        return Of(CudaDriver.Read(), LibTorchCuda.Read());
    }

    internal static ComputeDevices Of(CudaFacts driver, LibTorchCuda libtorch)
    {
        string? problem = CudaProblems.Find(driver, libtorch);
        IEnumerable<ComputeDevice> gpus = driver.Gpus.Select((gpu, i) => new ComputeDevice
        {
            Id = $"cuda:{i}",
            Name = gpu.Name,
            TotalMemory = gpu.TotalMemory,
            FreeMemory = gpu.FreeMemory,
            ComputeCapability = gpu.Capability,
            Problem = problem ?? (i < libtorch.DeviceCount ? null : $"libtorch uses {libtorch.DeviceCount} of the GPUs, and not this one."),
        });
        var cpu = new ComputeDevice { Id = "cpu", Name = CpuName.Find(), TotalMemory = MemoryLimit.Bytes };
        return new ComputeDevices([cpu, .. gpus], problem);
    }
}
