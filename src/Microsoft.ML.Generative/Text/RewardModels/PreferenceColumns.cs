using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>Two texts, one of which is better.</summary>
/// <param name="Row">The row's number.</param>
/// <param name="Prompt">What both answer, if they answer anything.</param>
/// <param name="Chosen">The better text.</param>
/// <param name="Rejected">The worse text.</param>
/// <param name="Margin">The least difference of their scores.</param>
internal readonly record struct Preference(long Row, string? Prompt, string Chosen, string Rejected, float Margin);

/// <summary>The columns that preferences are read from.</summary>
internal sealed record PreferenceColumns(string? Prompt, string Chosen, string Rejected, string? Margin)
{
    private const int RowsBetweenChecks = 256;

    /// <summary>The names of the columns.</summary>
    public IEnumerable<string> Names => new[] { Prompt, Chosen, Rejected, Margin }.OfType<string>();

    /// <exception cref="ArgumentException">Two columns have one name.</exception>
    public void Validate()
    {
        string[] names = [.. new[] { Prompt, Chosen, Rejected }.OfType<string>()];
        if (names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArgumentException(
                $"The columns of prompt, better and worse text need different names; found {Quoted.Text(twice.Key)} twice.");
        }
    }

    /// <exception cref="ArgumentException">A column is missing or of another type.</exception>
    public void Check(SchemaShape schema)
    {
        if (Prompt is not null)
            ColumnTypes.CheckText(schema, Prompt);
        ColumnTypes.CheckText(schema, Chosen);
        ColumnTypes.CheckText(schema, Rejected);
        if (Margin is not null)
            ColumnTypes.CheckNumber(schema, Margin);
    }

    /// <summary>Reads the rows in their order.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    /// <exception cref="InvalidDataException">A margin is not finite.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public IEnumerable<Preference> Read(TrainingRun run, IDataView data)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([.. Names.Select(name => data.Schema[name])]);
        Func<string>? prompt = Prompt is null ? null : TextColumn.Open(cursor, data.Schema[Prompt]);
        Func<string> chosen = TextColumn.Open(cursor, data.Schema[Chosen]), rejected = TextColumn.Open(cursor, data.Schema[Rejected]);
        ValueGetter<float>? margin = Margin is null ? null : cursor.GetGetter<float>(data.Schema[Margin]);
        bool isEmpty = true;
        while (cursor.MoveNext())
        {
            isEmpty = false;
            if (cursor.Position % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            float least = 0;
            margin?.Invoke(ref least);
            if (!float.IsFinite(least))
            {
                throw new InvalidDataException(
                    $"Column '{Margin}', row {cursor.Position}: the margin is {least}; expected a finite number.");
            }
            yield return new Preference(cursor.Position, prompt?.Invoke(), chosen(), rejected(), least);
        }

        if (isEmpty)
            throw EmptyTable.Error(Names);
    }
}
