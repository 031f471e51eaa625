using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>The native memory of contiguous tensors, on the CPU as spans.</summary>
internal static class TensorMemory
{
    private static readonly Lazy<nint> _address = new(() =>
        NativeLibrary.GetExport(NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null), "THSTensor_data"));

    /// <summary>
    /// Where the memory of a contiguous tensor begins, on whatever device: an address for libraries that compute there.
    /// </summary>
    public static unsafe nint Address(torch.Tensor tensor)
    {
        // TorchSharp refuses what is not on the CPU, and asks this function of its own.
        nint address = ((delegate* unmanaged<nint, nint>)_address.Value)(tensor.Handle);
        GC.KeepAlive(tensor);
        return address;
    }

    /// <summary>Where the memory of a contiguous tensor begins, whatever its size: spans end at 2 GB.</summary>
    /// <param name="rows">[rows, ..], at least one row.</param>
    public static unsafe byte* Start(torch.Tensor rows)
    {
        using torch.Tensor first = rows.narrow(0, 0, 1);
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }

    /// <summary>
    /// Where the floats of a tensor on the CPU begin, in their order. What the copy of one that is not contiguous takes is released with
    /// the caller's dispose scope.
    /// </summary>
    /// <param name="values">Of Float32; <see langword="null"/>: there is nothing.</param>
    public static unsafe float* Floats(torch.Tensor? values) =>
        values is null ? null : (float*)Address(values.is_contiguous() ? values : values.contiguous());

    /// <summary>Writes the elements of a row of a contiguous matrix on the CPU.</summary>
    public static unsafe void WriteRow<T>(torch.Tensor matrix, long row, ReadOnlySpan<T> values)
        where T : unmanaged =>
        values.CopyTo(new Span<T>((T*)Start(matrix) + row * values.Length, values.Length));

    /// <summary>Reads the elements of a row of a contiguous matrix on the CPU.</summary>
    public static unsafe T[] ReadRow<T>(torch.Tensor matrix, long row)
        where T : unmanaged
    {
        int length = checked((int)matrix.size(1));
        return new ReadOnlySpan<T>((T*)Start(matrix) + row * length, length).ToArray();
    }

    /// <summary>The elements of a tensor on the CPU, copied into an array.</summary>
    public static T[] ToArray<T>(torch.Tensor tensor)
        where T : unmanaged
    {
        using torch.Tensor contiguous = tensor.cpu().contiguous();
        return MemoryMarshal.Cast<byte, T>(contiguous.bytes).ToArray();
    }
}
