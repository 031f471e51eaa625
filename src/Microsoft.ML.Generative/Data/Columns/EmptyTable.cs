namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>The error of a table without rows.</summary>
internal static class EmptyTable
{
    /// <param name="columns">The columns that were read.</param>
    /// <param name="use">What their rows were needed for.</param>
    public static ArgumentException Error(IEnumerable<string> columns, string use = "learn from")
    {
        string[] names = [.. columns.Distinct().Select(name => $"'{name}'")];
        (string columnOrColumns, string has) = names.Length == 1 ? ("column", "has") : ("columns", "have");
        return new ArgumentException($"The data is empty: {columnOrColumns} {string.Join(", ", names)} {has} no row to {use}.");
    }
}
