using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>A completion that is good or bad.</summary>
/// <param name="Row">The row's number.</param>
/// <param name="Prompt">The prompt.</param>
/// <param name="Completion">Its completion.</param>
/// <param name="IsDesirable">Whether it is good.</param>
internal readonly record struct JudgedCompletion(long Row, string Prompt, string Completion, bool IsDesirable);

/// <summary>The columns that judged completions are read from.</summary>
internal sealed record KtoColumns(string Prompt, string Completion, string Label)
{
    private const int RowsBetweenChecks = 256;

    /// <exception cref="ArgumentException">Two columns have one name.</exception>
    public void Validate()
    {
        if (Prompt == Completion)
            throw new ArgumentException($"The columns of prompt and completion are both {Quoted.Text(Prompt)}; expected two columns.");
    }

    /// <exception cref="ArgumentException">A column is missing or of another type.</exception>
    public void Check(SchemaShape schema)
    {
        ColumnTypes.CheckText(schema, Prompt);
        ColumnTypes.CheckText(schema, Completion);
        ColumnTypes.CheckBoolean(schema, Label);
    }

    /// <summary>Reads the rows in their order.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public IEnumerable<JudgedCompletion> Read(TrainingRun run, IDataView data)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([data.Schema[Prompt], data.Schema[Completion], data.Schema[Label]]);
        Func<string> prompt = TextColumn.Open(cursor, data.Schema[Prompt]), completion = TextColumn.Open(cursor, data.Schema[Completion]);
        ValueGetter<bool> label = cursor.GetGetter<bool>(data.Schema[Label]);
        bool isEmpty = true;
        while (cursor.MoveNext())
        {
            isEmpty = false;
            if (cursor.Position % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            bool isDesirable = false;
            label(ref isDesirable);
            yield return new JudgedCompletion(cursor.Position, prompt(), completion(), isDesirable);
        }

        if (isEmpty)
            throw EmptyTable.Error([Prompt, Completion, Label]);
    }
}
