using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Keys and values of the sources of streams, and room for the scores of attention to them.</summary>
/// <param name="shape">The network's form.</param>
/// <param name="streams">Streams.</param>
/// <param name="threads">Threads that attend at a time.</param>
internal sealed unsafe class KernelSources(DecoderShape shape, int streams, int threads) : IDisposable
{
    private readonly SourceSlots _slots = new(streams);
    private readonly KeyValueCache?[] _caches = new KeyValueCache?[streams];
    private readonly int[] _lengths = new int[streams];
    private FloatBuffer? _scores;
    private long _scoresLength;

    /// <summary>Gives a stream a source of a length, whose keys and values are still to be stored as those of stream 0.</summary>
    public KeyValueCache Open(int stream, int length)
    {
        int slot = _slots.Take(stream);
        long pages = (length + KeyValueCache.PageLength - 1) / KeyValueCache.PageLength;
        if (_caches[slot] is not { } cache || cache.Pages < pages)
        {
            _caches[slot]?.Dispose();
            _caches[slot] = null;
            _caches[slot] = cache = new KeyValueCache(shape, 1, length, length);
        }

        if (_scoresLength < pages * KeyValueCache.PageLength)
        {
            _scores?.Dispose();
            (_scores, _scoresLength) = (null, 0);
            _scores = new FloatBuffer(checked(pages * KeyValueCache.PageLength * threads));
            _scoresLength = pages * KeyValueCache.PageLength;
        }

        _lengths[slot] = length;
        return cache;
    }

    public void Copy(int from, int to) => _slots.Copy(from, to);

    public int LengthOf(int stream) => _lengths[_slots[stream]];

    public KeyValueCache CacheOf(int stream) => _caches[_slots[stream]]!;

    /// <summary>Room for the scores of a thread.</summary>
    public float* Scores(int worker) => _scores!.Start + _scoresLength * worker;

    public void Dispose()
    {
        foreach (KeyValueCache? cache in _caches)
            cache?.Dispose();
        _scores?.Dispose();
    }
}
