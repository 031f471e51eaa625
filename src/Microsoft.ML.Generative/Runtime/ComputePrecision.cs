namespace Microsoft.ML.Generative;

/// <summary>The type of number that a training multiplies in. Weights, gradients, sums and losses are always Float32.</summary>
public enum ComputePrecision
{
    /// <summary>Float32. Convolutions on a GPU may still round their factors as <see cref="TensorFloat32"/> does, as in PyTorch.</summary>
    Float32,

    /// <summary>
    /// BFloat16: the range of Float32 with 8 bits of precision instead of 24, and several times its speed where the device has instructions
    /// for it; much slower where it has not.
    /// </summary>
    BFloat16,

    /// <summary>BFloat16 on a GPU and on processors with AVX512-BF16 or AMX, else Float32.</summary>
    Auto,

    /// <summary>
    /// Float32, of which the tensor cores of a GPU multiply 10 bits of precision in place of 23, several times faster; elsewhere the same
    /// as <see cref="Float32"/>.
    /// </summary>
    TensorFloat32,
}
