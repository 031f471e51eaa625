using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Floats outside the managed heap, as many as memory allows, at the beginning of a cache line.</summary>
internal sealed unsafe class FloatBuffer : IDisposable
{
    /// <summary>Bytes of a cache line.</summary>
    public const nuint CacheLine = 64;

    /// <param name="count">Floats, which are not initialized.</param>
    /// <exception cref="OutOfMemoryException">There is not so much memory.</exception>
    public FloatBuffer(long count)
    {
        Start = (float*)NativeMemory.AlignedAlloc(checked((nuint)Math.Max(count, 1) * sizeof(float)), CacheLine);
        GC.AddMemoryPressure(Bytes = Math.Max(count, 1) * sizeof(float));
    }

    ~FloatBuffer() => Release();

    public float* Start { get; private set; }

    private long Bytes { get; }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (Start is null)
            return;
        NativeMemory.AlignedFree(Start);
        Start = null;
        GC.RemoveMemoryPressure(Bytes);
    }
}
