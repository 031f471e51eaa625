namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>What NVIDIA's driver says.</summary>
/// <param name="HasDriver">Whether there is one.</param>
/// <param name="Error">The error of its start, as in CUresult; 0 if there was none.</param>
/// <param name="Version">The newest CUDA that it supports, if it says so.</param>
/// <param name="Gpus">The GPUs, in its order.</param>
internal sealed record CudaFacts(bool HasDriver, int Error, Version? Version, IReadOnlyList<CudaGpu> Gpus)
{
    public static CudaFacts NoDriver { get; } = new(false, 0, null, []);
}

/// <summary>A GPU.</summary>
/// <param name="Name">The product.</param>
/// <param name="TotalMemory">Bytes.</param>
/// <param name="FreeMemory">Bytes that nobody uses, if they are known.</param>
/// <param name="Capability">The compute capability.</param>
internal sealed record CudaGpu(string Name, long TotalMemory, long? FreeMemory, Version Capability);
