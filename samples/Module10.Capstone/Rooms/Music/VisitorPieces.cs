using Microsoft.ML.Generative.Music;
using Module10.Http;

namespace Module10.Rooms.Music;

/// <summary>The last pieces of one visitor, by number.</summary>
internal sealed class VisitorPieces : IDisposable
{
    /// <summary>Pieces that are kept for playing and downloading.</summary>
    public const int Most = 10;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, NoteSequence> _pieces = [];
    private int _last;

    /// <summary>Keeps a piece.</summary>
    /// <returns>Its number.</returns>
    public int Add(NoteSequence piece)
    {
        lock (_lock)
        {
            _pieces.Add(++_last, piece);
            _pieces.Remove(_last - Most);
            return _last;
        }
    }

    /// <exception cref="VisitorException">There is no such piece any more.</exception>
    public NoteSequence Find(int number)
    {
        lock (_lock)
        {
            return _pieces.TryGetValue(number, out NoteSequence? piece)
                ? piece
                : throw new VisitorException(404, $"There is no such piece any more: the last {Most} are kept.");
        }
    }

    // Nothing of a piece has to be released.
    public void Dispose()
    {
    }
}
