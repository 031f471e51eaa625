namespace Microsoft.ML.Generative;

/// <summary>The text columns that a language model learns from.</summary>
internal sealed class TextColumns(LanguageModelOptions options)
{
    private const int RowsBetweenChecks = 256;

    /// <exception cref="ArgumentException">A column is missing or is no text.</exception>
    public void Check(DataViewSchema schema) => Check(SchemaShape.Create(schema));

    /// <inheritdoc cref="Check(DataViewSchema)"/>
    public void Check(SchemaShape schema)
    {
        ColumnTypes.CheckText(schema, options.InputColumnName);
        if (options.PromptColumnName is { } prompt)
            ColumnTypes.CheckText(schema, prompt);
    }

    /// <summary>The rows, one after the other: a text, and its prompt where the options name a column of prompts.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was cancelled.</exception>
    public IEnumerable<(string? Prompt, string Text)> Read(TrainingRun run, IDataView data)
    {
        DataViewSchema.Column textColumn = data.Schema[options.InputColumnName];
        DataViewSchema.Column? promptColumn = options.PromptColumnName is { } name ? data.Schema[name] : null;
        using DataViewRowCursor cursor = data.GetRowCursor(promptColumn is { } p ? [textColumn, p] : [textColumn]);
        ValueGetter<ReadOnlyMemory<char>> textGetter = cursor.GetGetter<ReadOnlyMemory<char>>(textColumn);
        ValueGetter<ReadOnlyMemory<char>>? promptGetter = promptColumn is { } c ? cursor.GetGetter<ReadOnlyMemory<char>>(c) : null;
        ReadOnlyMemory<char> text = default, prompt = default;
        bool isEmpty = true;
        while (cursor.MoveNext())
        {
            isEmpty = false;
            if (cursor.Position % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            textGetter(ref text);
            promptGetter?.Invoke(ref prompt);
            yield return (promptGetter is null ? null : prompt.ToString(), text.ToString());
        }

        if (isEmpty)
            throw TensorSource.Empty();
    }
}
