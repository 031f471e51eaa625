using Microsoft.ML.Generative.Data.Rows;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>What a language model does with rows: it completes their prompts.</summary>
internal static class LanguageModelRows
{
    /// <summary>Finds the columns in a schema.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public static RowMapping Bind(DataViewSchema schema, LanguageModelColumns columns, LanguageModelGenerator generator)
    {
        var prompts = new TextInput(schema, columns.Input);
        TextInput? adapters = columns.Adapter is { } column ? new(schema, column) : null;
        return new RowMapping(
            [prompts, adapters],
            [RowOutput.Texts(columns.Output, rows => generator.CompleteRows(prompts.Of(rows), rows.Positions, adapters?.Of(rows)))]);
    }
}
