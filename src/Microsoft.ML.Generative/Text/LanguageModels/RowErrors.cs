namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Adds the place in the data to errors.</summary>
internal static class RowErrors
{
    /// <summary>Names the column and the row where their text cannot be used.</summary>
    /// <exception cref="InvalidDataException">The text cannot be used.</exception>
    public static T Name<T>(string column, long row, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"Column '{column}', row {row}: {e.Message}", e);
        }
    }
}
