using System.Numerics;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Keys and values of each stream's positions, in pages of a few vectors: [layer, stream, keys or values, head, page, value of the head,
/// position in the page], so that a vector instruction takes a value of several positions. Where a window limits what is looked at, pages
/// are used in a ring.
/// </summary>
internal sealed unsafe class KeyValueCache : IDisposable
{
    private readonly FloatBuffer _buffer;
    private readonly int _streams;
    private readonly int _heads;
    private readonly int _headSize;
    private readonly int _layers;

    /// <param name="shape">The network's form.</param>
    /// <param name="streams">Streams.</param>
    /// <param name="length">Positions that a stream can have.</param>
    /// <param name="written">Positions that are put in before they are looked at, at most.</param>
    public KeyValueCache(DecoderShape shape, int streams, int length, int written)
    {
        (_layers, _streams) = (shape.Layers, streams);
        (_heads, _headSize) = (shape.Block.KeyValueHeads, shape.Block.HeadSize);
        long pages = PagesFor(length);
        // The first position that is looked at and the last that is written are at most so far apart.
        if (shape.Block.Window.Length is { } window)
            pages = Math.Min(pages, PagesFor((long)window + written - 2) + 1);
        Pages = (int)pages;
        _buffer = new FloatBuffer(checked((long)_layers * _streams * StreamFloats));
    }

    /// <summary>Positions of a page: as many as fill four vectors.</summary>
    public static int PageLength => 4 * Vector<float>.Count;

    /// <summary>Pages of a stream.</summary>
    public int Pages { get; }

    private long HeadFloats => (long)Pages * _headSize * PageLength;

    private long StreamFloats => 2 * _heads * HeadFloats;

    public float* Keys(int layer, int stream, int head) => Stream(layer, stream) + head * HeadFloats;

    public float* Values(int layer, int stream, int head) => Stream(layer, stream) + (_heads + head) * HeadFloats;

    /// <summary>Puts a position's keys and values, [heads, head size] each, into a layer.</summary>
    public void Store(int layer, int stream, int position, float* keys, float* values)
    {
        int within = position % PageLength;
        long offset = (long)(position / PageLength % Pages) * _headSize * PageLength;
        for (int head = 0; head < _heads; head++)
        {
            float* k = Keys(layer, stream, head) + offset, v = Values(layer, stream, head) + offset;
            // Values of positions to come are multiplied by 0, so they have to be numbers.
            if (within == 0)
                new Span<float>(v, _headSize * PageLength).Clear();
            for (int i = 0; i < _headSize; i++)
            {
                k[i * PageLength + within] = *keys++;
                v[i * PageLength + within] = *values++;
            }
        }
    }

    /// <summary>Copies a stream that has this number of positions.</summary>
    public void Copy(int from, int to, int length)
    {
        long used = Math.Min(PagesFor(length), Pages) * _headSize * PageLength;
        for (int layer = 0; layer < _layers; layer++)
        {
            for (int head = 0; head < 2 * _heads; head++)
            {
                long bytes = used * sizeof(float);
                Buffer.MemoryCopy(Keys(layer, from, head), Keys(layer, to, head), bytes, bytes);
            }
        }
    }

    public void Dispose() => _buffer.Dispose();

    private static long PagesFor(long positions) => (positions + PageLength - 1) / PageLength;

    private float* Stream(int layer, int stream) => _buffer.Start + ((long)layer * _streams + stream) * StreamFloats;
}
