using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Keys and values of each stream's positions, in pages of a few vectors: [layer, keys or values, head, value of the head, position in the
/// page], so that a vector instruction takes a value of several positions. Streams that begin alike share pages until one of them writes
/// (Kwon et al. 2023). Memory is taken as streams grow. Where a window limits what is looked at, pages are used in a ring.
/// </summary>
internal sealed unsafe class KeyValueCache : IDisposable
{
    // The page of each slot of each stream, numbered from 1; 0: none.
    private readonly int[] _pages;

    // Of each page, how many slots have it.
    private readonly int[] _users;

    // Pages that nobody has, as a stack: those that have memory already come first.
    private readonly int[] _free;
    private readonly int _heads;
    private readonly int _headSize;
    private readonly int _layers;
    private int _freeCount;
    private float** _memory;
    private float** _starts;

    /// <param name="shape">The network's form.</param>
    /// <param name="streams">Streams.</param>
    /// <param name="length">Positions that a stream can have.</param>
    /// <param name="written">Positions that are put in before they are looked at, at most.</param>
    public KeyValueCache(DecoderShape shape, int streams, int length, int written)
    {
        _layers = shape.Layers;
        (_heads, _headSize) = (shape.Block.KeyValueHeads, shape.Block.HeadSize);
        long pages = PagesFor(length);
        // The first position that is looked at and the last that is written are at most so far apart.
        if (shape.Block.Window.Length is { } window)
            pages = Math.Min(pages, PagesFor((long)window + written - 2) + 1);
        Pages = (int)pages;
        int slots = checked(streams * Pages);
        (_pages, _users, _free, _freeCount) = (new int[slots], new int[slots + 1], new int[slots], slots);
        for (int i = 0; i < slots; i++)
            _free[i] = slots - i;
        _memory = (float**)NativeMemory.AllocZeroed((nuint)slots + 1, (nuint)sizeof(float*));
        _starts = (float**)NativeMemory.AllocZeroed((nuint)slots, (nuint)sizeof(float*));
    }

    ~KeyValueCache() => Free();

    /// <summary>Positions of a page: as many as fill four vectors.</summary>
    public static int PageLength => 4 * Vector<float>.Count;

    /// <summary>Pages of a stream at most.</summary>
    public int Pages { get; }

    /// <summary>Pages that hold something, each once however many streams share it.</summary>
    public int UsedPages => _free.Length - _freeCount;

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => PageFloats * sizeof(float);

    private long PageFloats => 2L * _layers * _heads * HeadFloats;

    private int HeadFloats => _headSize * PageLength;

    /// <summary>The pages of a stream.</summary>
    public float** PagesOf(int stream) => _starts + (long)stream * Pages;

    /// <summary>Where a head's keys are in a page.</summary>
    public nint Keys(int layer, int head) => (nint)HeadFloats * (2 * layer * _heads + head);

    /// <summary>Where a head's values are in a page.</summary>
    public nint Values(int layer, int head) => (nint)HeadFloats * ((2 * layer + 1) * _heads + head);

    /// <summary>Gets a page for a position that is to be written, which no other stream looks at.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much memory.</exception>
    public void Prepare(int stream, int position)
    {
        ref int page = ref _pages[stream * Pages + Slot(position)];
        if (page > 0 && _users[page] == 1)
            return;
        int own = _free[_freeCount - 1];
        if (_memory[own] is null)
            _memory[own] = Allocate();
        _freeCount--;
        _users[own] = 1;
        if (page > 0)
        {
            // What stands before the position stays.
            if (position % PageLength != 0)
                Buffer.MemoryCopy(_memory[page], _memory[own], PageBytes, PageBytes);
            _users[page]--;
        }

        page = own;
        PagesOf(stream)[Slot(position)] = _memory[own];
    }

    /// <summary>Puts a position's keys and values, [heads, head size] each, into a layer of a page that is prepared.</summary>
    public void Store(int layer, int stream, int position, float* keys, float* values)
    {
        int within = position % PageLength;
        float* page = PagesOf(stream)[Slot(position)];
        for (int head = 0; head < _heads; head++)
        {
            float* k = page + Keys(layer, head), v = page + Values(layer, head);
            // Values of positions to come are multiplied by 0, so they have to be numbers.
            if (within == 0)
                new Span<float>(v, HeadFloats).Clear();
            for (int i = 0; i < _headSize; i++)
            {
                k[i * PageLength + within] = *keys++;
                v[i * PageLength + within] = *values++;
            }
        }
    }

    /// <summary>Makes a stream begin like another one.</summary>
    /// <param name="from">The other.</param>
    /// <param name="to">The stream, which loses what it had.</param>
    /// <param name="length">Positions.</param>
    public void Share(int from, int to, int length)
    {
        Release(to);
        for (int slot = 0; slot < Math.Min(PagesFor(length), Pages); slot++)
        {
            int page = _pages[from * Pages + slot];
            if (page == 0)
                continue;
            _users[page]++;
            _pages[to * Pages + slot] = page;
            PagesOf(to)[slot] = _memory[page];
        }
    }

    /// <summary>Takes all pages from a stream.</summary>
    public void Release(int stream)
    {
        for (int slot = 0; slot < Pages; slot++)
        {
            ref int page = ref _pages[stream * Pages + slot];
            if (page > 0 && --_users[page] == 0)
                _free[_freeCount++] = page;
            page = 0;
        }
    }

    /// <summary>Whether a stream that has had so many positions still has its first ones.</summary>
    public bool HasBeginning(int positions) => PagesFor(positions) <= Pages;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static long PagesFor(long positions) => (positions + PageLength - 1) / PageLength;

    private float* Allocate()
    {
        float* memory = (float*)NativeMemory.AlignedAlloc((nuint)PageBytes, FloatBuffer.CacheLine);
        GC.AddMemoryPressure(PageBytes);
        return memory;
    }

    private void Free()
    {
        if (_memory is null)
            return;
        for (int page = 1; page < _users.Length; page++)
        {
            if (_memory[page] is null)
                continue;
            NativeMemory.AlignedFree(_memory[page]);
            GC.RemoveMemoryPressure(PageBytes);
        }

        NativeMemory.Free(_memory);
        NativeMemory.Free(_starts);
        _memory = null;
        _starts = null;
    }

    private int Slot(int position) => position / PageLength % Pages;
}
