using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>A row to learn.</summary>
/// <param name="Row">Its number.</param>
/// <param name="Text">The text, or the answer to a prompt.</param>
/// <param name="Prompt">The prompt of the answer.</param>
/// <param name="Conversation">The conversation in place of a text.</param>
internal readonly record struct TextExample(long Row, string Text, string? Prompt, Conversation? Conversation);

/// <summary>Reads the text columns that a language model learns from.</summary>
internal sealed class TextColumns(LanguageModelOptions options)
{
    private const int RowsBetweenChecks = 256;

    /// <summary>The names of the columns.</summary>
    public string[] Names => options.PromptColumnName is { } prompt ? [prompt, Column] : [Column];

    private string Column => options.MessagesColumnName ?? options.InputColumnName;

    /// <exception cref="ArgumentException">A column is missing or not of type text.</exception>
    public void Check(DataViewSchema schema) => Check(SchemaShape.Create(schema));

    /// <inheritdoc cref="Check(DataViewSchema)"/>
    public void Check(SchemaShape schema)
    {
        ColumnTypes.CheckText(schema, Column);
        if (options.PromptColumnName is { } prompt)
            ColumnTypes.CheckText(schema, prompt);
    }

    /// <summary>Reads the rows in their order.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    /// <exception cref="InvalidDataException">
    /// A row has no conversation where one was expected, or one in which nothing can be learned.
    /// </exception>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public IEnumerable<TextExample> Read(TrainingRun run, IDataView data)
    {
        DataViewSchema.Column textColumn = data.Schema[Column];
        DataViewSchema.Column? promptColumn = options.PromptColumnName is { } name ? data.Schema[name] : null;
        using DataViewRowCursor cursor = data.GetRowCursor(promptColumn is { } p ? [textColumn, p] : [textColumn]);
        Func<string> readText = TextColumn.Open(cursor, textColumn);
        Func<string>? readPrompt = promptColumn is { } c ? TextColumn.Open(cursor, c) : null;
        bool isEmpty = true;
        while (cursor.MoveNext())
        {
            isEmpty = false;
            if (cursor.Position % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            string text = readText();
            yield return new TextExample(
                cursor.Position, text, readPrompt?.Invoke(),
                options.MessagesColumnName is null ? null : RowErrors.Name(Column, cursor.Position, () => ReadConversation(text)));
        }

        if (isEmpty)
            throw EmptyTable.Error(Names);
    }

    private static Conversation ReadConversation(string json)
    {
        Conversation conversation = ConversationJson.Read(json, wantsAnswer: false);
        return conversation.Turns.Any(t => t.IsAnswer)
            ? conversation
            : throw new ArgumentException("The conversation has no message of the assistant: there is nothing to learn.");
    }
}
