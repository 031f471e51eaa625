namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The tokens of a step: a row for each, of any stream.</summary>
/// <param name="rows">Rows, at most.</param>
internal sealed class StepRows(int rows)
{
    private readonly (int Stream, int Token, int Position)[] _rows = new (int, int, int)[rows];

    /// <summary>Rows, at most.</summary>
    public int Capacity => _rows.Length;

    public void Set(int row, int stream, int token, int position) => _rows[row] = (stream, token, position);

    public int StreamOf(int row) => _rows[row].Stream;

    public int TokenOf(int row) => _rows[row].Token;

    /// <summary>Where the row's token goes in its stream.</summary>
    public int PositionOf(int row) => _rows[row].Position;
}
