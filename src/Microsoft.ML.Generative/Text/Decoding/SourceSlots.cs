namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Which of the sources that a session keeps each stream attends to: a copy of a stream shares its source.</summary>
/// <param name="streams">Streams. As many sources are kept at most, so that one is always free.</param>
internal sealed class SourceSlots(int streams)
{
    private const int None = -1;

    private readonly int[] _slots = [.. Enumerable.Repeat(None, streams)];

    /// <summary>The source of a stream.</summary>
    /// <exception cref="InvalidOperationException">It has none.</exception>
    public int this[int stream] => _slots[stream] != None
        ? _slots[stream]
        : throw new InvalidOperationException($"Stream {stream} has no source; the model attends to one.");

    /// <summary>Gives a stream a source that no other has.</summary>
    public int Take(int stream)
    {
        _slots[stream] = None;
        int free = 0;
        while (_slots.Contains(free))
            free++;
        return _slots[stream] = free;
    }

    public void Copy(int from, int to) => _slots[to] = _slots[from];
}
