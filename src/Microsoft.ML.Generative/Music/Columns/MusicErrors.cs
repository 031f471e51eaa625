using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music.Columns;

/// <summary>Names column and row in errors of pieces.</summary>
internal static class MusicErrors
{
    /// <exception cref="InvalidDataException">The piece cannot be used; the message names column and row.</exception>
    public static T Name<T>(string column, long row, Func<T> compute)
    {
        try
        {
            return compute();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"Row {row} of column {Quoted.Text(column)}: {e.Message}", e);
        }
    }
}
