using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>A row of a training.</summary>
/// <param name="Row">Its number.</param>
/// <param name="Texts">Its texts.</param>
/// <param name="Number">The class or the score beside them, if there is one.</param>
internal readonly record struct EncoderRow(long Row, string[] Texts, double Number);

/// <summary>The columns that a training of an encoder reads.</summary>
/// <param name="Texts">The text columns.</param>
internal sealed record EncoderColumns(string[] Texts)
{
    private const int RowsBetweenChecks = 256;

    /// <summary>The column of numbers beside the texts, if there is one.</summary>
    public string? Score { get; init; }

    /// <summary>The column of classes, if there is one.</summary>
    public string? Label { get; init; }

    private IEnumerable<string> Names => Texts.Concat(new[] { Score, Label }.OfType<string>());

    /// <exception cref="ArgumentException">A name is empty, or two are the same.</exception>
    public void Validate()
    {
        foreach (string name in Names)
            OptionChecks.NotEmpty(name, "input column names");
        if (Names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"The input columns need different names; found {Quoted.Text(twice.Key)} twice.");
    }

    /// <exception cref="ArgumentException">A column is missing or of another type.</exception>
    public void Check(SchemaShape schema)
    {
        foreach (string text in Texts)
            ColumnTypes.CheckText(schema, text);
        if (Score is not null)
            ColumnTypes.CheckNumber(schema, Score);
        if (Label is not null)
            ColumnTypes.CheckLabel(schema, Label);
    }

    /// <summary>Checks the data and the validation data.</summary>
    /// <exception cref="ArgumentException">A column is missing or of another type.</exception>
    public void Check(IDataView input, TrainingOptions options)
    {
        Check(SchemaShape.Create(input.Schema));
        options.CheckValidation(Check);
    }

    /// <summary>The texts of all rows, one after the other, for a tokenizer.</summary>
    /// <inheritdoc cref="TextColumn.RequireText"/>
    public IEnumerable<string> ReadTexts(TrainingRun run, IDataView data) => TextColumn.RequireText(
        (this with { Score = null, Label = null }).Read(run, data).SelectMany(row => row.Texts), Texts);

    /// <summary>Reads the rows in their order.</summary>
    /// <param name="run">Says when to stop.</param>
    /// <param name="data">The rows.</param>
    /// <param name="classes">The classes of the label column, if there is one.</param>
    /// <exception cref="ArgumentException">There is no row.</exception>
    /// <exception cref="InvalidDataException">A score is not finite, or a label is missing or unknown.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public IEnumerable<EncoderRow> Read(TrainingRun run, IDataView data, LabelClasses classes = default)
    {
        string[] names = [.. Texts, .. new[] { Score, Label }.OfType<string>()];
        using DataViewRowCursor cursor = data.GetRowCursor([.. names.Select(name => data.Schema[name])]);
        Func<string>[] texts = [.. Texts.Select(name => TextColumn.Open(cursor, data.Schema[name]))];
        ValueGetter<float>? score = Score is null ? null : cursor.GetGetter<float>(data.Schema[Score]);
        RowReader? label = Label is null ? null : TensorColumn.Label(data.Schema, Label, classes.Count, classes.Labels).Open(cursor);
        bool isEmpty = true;
        byte[] bytes = new byte[sizeof(long)];
        while (cursor.MoveNext())
        {
            isEmpty = false;
            if (cursor.Position % RowsBetweenChecks == 0)
                run.StopIfCancelled();
            yield return new EncoderRow(cursor.Position, Array.ConvertAll(texts, read => read()), ReadNumber());
        }

        if (isEmpty)
            throw EmptyTable.Error(Names);

        double ReadNumber()
        {
            if (label is not null)
            {
                label.Read(bytes);
                return BitConverter.ToInt64(bytes);
            }

            float value = 0;
            score?.Invoke(ref value);
            return float.IsFinite(value) ? value : throw new InvalidDataException(
                $"Column {Quoted.Text(Score!)}, row {cursor.Position}: the score is {value}; expected a finite number.");
        }
    }
}
