namespace Microsoft.ML.Generative;

/// <summary>A processor that models train and run on.</summary>
public sealed record ComputeDevice
{
    /// <summary>libtorch's name: <c>cpu</c>, or <c>cuda:0</c> for the GPU that <see cref="MLContext.GpuDeviceId"/> calls 0.</summary>
    public required string Id { get; init; }

    /// <summary>The name of the product.</summary>
    public required string Name { get; init; }

    /// <summary>Bytes of memory: of a GPU its own; of the CPU what the process may use.</summary>
    public required long TotalMemory { get; init; }

    /// <summary>Bytes of a GPU's memory that no process uses now; <see langword="null"/> where that is not known.</summary>
    public long? FreeMemory { get; init; }

    /// <summary>The compute capability of a GPU, such as 9.0; <see langword="null"/> for the CPU.</summary>
    public Version? ComputeCapability { get; init; }

    /// <summary>Why the device cannot be used; <see langword="null"/> if it can.</summary>
    public string? Problem { get; init; }

    /// <summary>Whether models can train and run on the device.</summary>
    public bool IsUsable => Problem is null;
}
