using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>A row to learn.</summary>
/// <param name="Row">Its number.</param>
/// <param name="Text">The text, or the answer to a prompt.</param>
/// <param name="Prompt">What the text answers, if it does.</param>
/// <param name="Conversation">The conversation in place of a text.</param>
internal readonly record struct TextExample(long Row, string Text, string? Prompt, Conversation? Conversation);

/// <summary>The text columns that a language model learns from.</summary>
internal sealed class TextColumns(LanguageModelOptions options)
{
    private const int RowsBetweenChecks = 256;

    private string Column => options.MessagesColumnName ?? options.InputColumnName;

    /// <exception cref="ArgumentException">A column is missing or is no text.</exception>
    public void Check(DataViewSchema schema) => Check(SchemaShape.Create(schema));

    /// <inheritdoc cref="Check(DataViewSchema)"/>
    public void Check(SchemaShape schema)
    {
        ColumnTypes.CheckText(schema, Column);
        if (options.PromptColumnName is { } prompt)
            ColumnTypes.CheckText(schema, prompt);
    }

    /// <summary>The rows, one after the other.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    /// <exception cref="InvalidDataException">A row has no conversation where one was expected, or one in which nothing can be learned.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was cancelled.</exception>
    public IEnumerable<TextExample> Read(TrainingRun run, IDataView data)
    {
        DataViewSchema.Column textColumn = data.Schema[Column];
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
            string read = text.ToString();
            yield return new TextExample(
                cursor.Position, read, promptGetter is null ? null : prompt.ToString(),
                options.MessagesColumnName is null ? null : Guard(Column, cursor.Position, () => ReadConversation(read)));
        }

        if (isEmpty)
            throw TensorSource.Empty();
    }

    /// <summary>Tells of which row an error is.</summary>
    /// <exception cref="InvalidDataException">The row's text cannot be used.</exception>
    public static T Guard<T>(string column, long row, Func<T> read)
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

    private static Conversation ReadConversation(string json)
    {
        Conversation conversation = ConversationJson.Read(json, wantsAnswer: false);
        return conversation.Turns.Any(t => t.IsAnswer) ? conversation : throw new ArgumentException("The conversation has no message of the assistant: there is nothing to learn.");
    }
}
