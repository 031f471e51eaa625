using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Working memory of kernels, in large pages where the system has them: a kernel that writes to dozens of places in turn otherwise waits
/// for the addresses of their pages. A thread keeps what it has used for its next kernels.
/// </summary>
internal static unsafe class KernelMemory
{
    private const int MostKept = 4;
    private const nuint MostBytesKept = 16 << 20;

    [ThreadStatic]
    private static Kept? _kept;

    /// <summary>Takes memory, whose values are anything, until the result is disposed of on the same thread.</summary>
    public static Block Take(nint floats)
    {
        nuint bytes = ((nuint)floats * sizeof(float) + HugePages.PageSize - 1) / HugePages.PageSize * HugePages.PageSize;
        return new((_kept ??= new Kept()).Take(ref bytes), bytes);
    }

    /// <summary>Memory in use.</summary>
    public readonly ref struct Block(void* start, nuint bytes)
    {
        public float* Start => (float*)start;

        public void Dispose() => (_kept ??= new Kept()).Return(start, bytes);
    }

    // A thread that ends leaves its memory to the finalizer.
    private sealed class Kept
    {
        private readonly (nint Start, nuint Bytes)[] _blocks = new (nint, nuint)[MostKept];
        private int _count;

        ~Kept()
        {
            for (int i = 0; i < _count; i++)
                NativeMemory.AlignedFree((void*)_blocks[i].Start);
        }

        // The smallest that is large enough.
        public void* Take(ref nuint bytes)
        {
            int best = -1;
            for (int i = 0; i < _count; i++)
            {
                if (_blocks[i].Bytes >= bytes && (best < 0 || _blocks[i].Bytes < _blocks[best].Bytes))
                    best = i;
            }

            if (best < 0)
            {
                void* start = NativeMemory.AlignedAlloc(bytes, HugePages.PageSize);
                HugePages.Advise(start, (long)bytes);
                return start;
            }

            (nint found, bytes) = _blocks[best];
            _blocks[best] = _blocks[--_count];
            return (void*)found;
        }

        // In place of the smallest, where there are many.
        public void Return(void* start, nuint bytes)
        {
            if (bytes > MostBytesKept)
            {
                NativeMemory.AlignedFree(start);
                return;
            }

            if (_count == MostKept)
            {
                int smallest = 0;
                for (int i = 1; i < _count; i++)
                {
                    if (_blocks[i].Bytes < _blocks[smallest].Bytes)
                        smallest = i;
                }

                NativeMemory.AlignedFree((void*)_blocks[smallest].Start);
                _blocks[smallest] = _blocks[--_count];
            }

            _blocks[_count++] = ((nint)start, bytes);
        }
    }
}
