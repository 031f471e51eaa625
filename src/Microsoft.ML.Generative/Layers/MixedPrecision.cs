using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// The type in which layers compute, by thread, as autocast does it in PyTorch: weights and their gradients stay Float32; a
/// <see cref="WeightedLayer"/> converts what it multiplies, and what follows it works on what it returns until a network asks for Float32
/// again.
/// </summary>
internal static class MixedPrecision
{
    [ThreadStatic]
    private static torch.ScalarType? _type;

    /// <summary>Whether the processor multiplies in BFloat16; otherwise libtorch emulates it, slowly.</summary>
    public static bool HasBFloat16Instructions { get; } = FindBFloat16Instructions();

    /// <summary>The compute type, or <see langword="null"/> for that of the weights.</summary>
    public static torch.ScalarType? Current => _type;

    public static IDisposable Scope(torch.ScalarType? type) => new TypeScope(type);

    /// <summary>The type that a training asks for on a device.</summary>
    public static torch.ScalarType? Choose(ComputePrecision precision, DeviceType device) => precision switch
    {
        ComputePrecision.BFloat16 => torch.ScalarType.BFloat16,
        ComputePrecision.Auto when device == DeviceType.CUDA || HasBFloat16Instructions => torch.ScalarType.BFloat16,
        _ => null,
    };

    /// <summary>The tensor in the compute type.</summary>
    public static torch.Tensor Cast(torch.Tensor values) => _type is { } type && values.dtype != type ? values.to(type) : values;

    /// <summary>Back from BFloat16, for sums and losses.</summary>
    public static torch.Tensor AsFloat32(this torch.Tensor values) =>
        values.dtype == torch.ScalarType.BFloat16 ? values.to(torch.ScalarType.Float32) : values;

    /// <summary>Whether libtorch's kernels for a tensor are those of oneDNN in BFloat16, some of which are slow.</summary>
    public static bool IsBFloat16OnCpu(torch.Tensor values) =>
        values.dtype == torch.ScalarType.BFloat16 && values.device_type == DeviceType.CPU;

    // AVX512-BF16 (leaf 7.1, EAX bit 5) or AMX-BF16 (leaf 7.0, EDX bit 22).
    private static bool FindBFloat16Instructions()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7)
            return false;
        var leaf = X86Base.CpuId(7, 0);
        bool hasAmx = (leaf.Edx >> 22 & 1) != 0;
        bool hasAvx512 = leaf.Eax >= 1 && (X86Base.CpuId(7, 1).Eax >> 5 & 1) != 0;
        return Avx512F.IsSupported && (hasAmx || hasAvx512);
    }

    private sealed class TypeScope : IDisposable
    {
        private readonly torch.ScalarType? _before = _type;

        public TypeScope(torch.ScalarType? type) => _type = type;

        public void Dispose() => _type = _before;
    }
}
