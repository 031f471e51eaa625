using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>The rows of a tensor whose bytes are those of files.</summary>
internal static unsafe class RowBytes
{
    /// <summary>Takes the bytes of all rows, from the first to the last.</summary>
    /// <param name="tensor">[outputs, elements].</param>
    /// <param name="read">Puts the bytes of a row into a buffer.</param>
    public static void Take(Tensor tensor, ReadBlocks read)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor stored = tensor.cpu();
        byte* all = TensorMemory.Start(stored);
        int rowBytes = BytesOf(stored);
        for (long output = 0; output < stored.size(0); output++)
            read(output, new Span<byte>(all + output * rowBytes, rowBytes));
        if (tensor.device_type != DeviceType.CPU)
            tensor.copy_(stored);
    }

    /// <summary>Gives the bytes of some rows.</summary>
    /// <param name="tensor">[outputs, elements].</param>
    /// <param name="start">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="write">Takes the bytes of a row.</param>
    public static void Give(Tensor tensor, long start, long count, WriteBlocks write)
    {
        using Tensor stored = tensor.cpu();
        byte* all = TensorMemory.Start(stored);
        int rowBytes = BytesOf(stored);
        for (long output = start; output < start + count; output++)
            write(output, new ReadOnlySpan<byte>(all + output * rowBytes, rowBytes));
        GC.KeepAlive(stored);
    }

    private static int BytesOf(Tensor stored) => checked((int)(stored.size(1) * stored.element_size()));
}
