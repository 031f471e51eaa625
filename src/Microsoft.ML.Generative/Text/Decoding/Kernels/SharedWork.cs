using System.Diagnostics;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Work of steps, in pieces that several threads share where there is enough of it and where that has been faster.</summary>
internal sealed class SharedWork : IDisposable
{
    // Multiplications for which another thread is worth waking.
    private const long WorthSharing = 1 << 17;

    // Rows of a piece of what is done for each row alone.
    private const int RowsOfPiece = 8;

    private readonly WorkerTeam _team;
    private readonly SharingChoice _choice;
    private readonly Action<int, int> _rowsPiece;
    private Action<int>? _rowWork;
    private int _rows;
    private bool _isSharing;

    /// <param name="threads">Threads, the caller's included.</param>
    /// <param name="kinds">Kinds of steps. Those of a kind are of about the same length.</param>
    public SharedWork(int threads, int kinds) =>
        (_team, _choice, _rowsPiece) = (new WorkerTeam(threads), new SharingChoice(kinds), RowsPiece);

    /// <summary>Chooses the threads of a step.</summary>
    /// <returns>When it began.</returns>
    public long Begin(int kind)
    {
        _isSharing = _team.Size > 1 && _choice.IsShared(kind);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Begins what is long enough to be shared.</summary>
    public void BeginLong() => _isSharing = _team.Size > 1;

    /// <summary>Remembers how long a step took.</summary>
    /// <param name="kind">The step's kind.</param>
    /// <param name="begun">When it began.</param>
    /// <param name="size">Its size beside that of other steps of its kind.</param>
    public void End(int kind, long begun, double size)
    {
        if (_team.Size > 1)
            _choice.Add(kind, _isSharing, (long)((Stopwatch.GetTimestamp() - begun) / size));
    }

    /// <summary>Whether so many multiplications are worth cutting into pieces.</summary>
    public bool IsShared(long multiplications) => _isSharing && multiplications >= WorthSharing;

    /// <summary>Does all pieces, each of them given its number and that of the thread that does it.</summary>
    public void Run(int pieces, long multiplications, Action<int, int> work)
    {
        if (IsShared(multiplications))
        {
            _team.Run(pieces, work);
            return;
        }

        for (int piece = 0; piece < pieces; piece++)
            work(piece, 0);
    }

    /// <summary>Does what concerns each row alone.</summary>
    public void ForRows(int rows, Action<int> work)
    {
        (_rowWork, _rows) = (work, rows);
        int pieces = (rows + RowsOfPiece - 1) / RowsOfPiece;
        if (_isSharing && pieces > 1)
        {
            _team.Run(pieces, _rowsPiece);
            return;
        }

        for (int row = 0; row < rows; row++)
            work(row);
    }

    public void Dispose() => _team.Dispose();

    private void RowsPiece(int piece, int worker)
    {
        int last = Math.Min(_rows, (piece + 1) * RowsOfPiece);
        for (int row = piece * RowsOfPiece; row < last; row++)
            _rowWork!(row);
    }
}
