using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>The native memory of contiguous tensors on the CPU, as spans.</summary>
internal static class TensorMemory
{
    /// <summary>The elements of a tensor on the CPU, copied into an array.</summary>
    public static T[] ToArray<T>(torch.Tensor tensor)
        where T : unmanaged
    {
        using torch.Tensor contiguous = tensor.cpu().contiguous();
        return MemoryMarshal.Cast<byte, T>(contiguous.bytes).ToArray();
    }
}
