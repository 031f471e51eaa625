namespace Microsoft.ML.Generative.Interop;

/// <summary>The columns that a transformer reads and those that it adds, bound to an input schema.</summary>
internal interface IRowMapping
{
    /// <summary>The names of the columns read.</summary>
    IReadOnlyList<string> InputColumns { get; }

    /// <summary>The columns added.</summary>
    DataViewSchema.DetachedColumn[] OutputColumns { get; }

    /// <summary>Opens a row or cursor for reading.</summary>
    /// <param name="row">The row or cursor, of the schema that the mapping is bound to.</param>
    /// <param name="isWanted">Whether an output column will be asked for, by its index.</param>
    /// <param name="slots">How many rows are computed at once at most.</param>
    IRowComputation Open(DataViewRow row, Func<int, bool> isWanted, int slots);
}
