using System.Globalization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>A class, from 0: [batch] Int64 in the column and for the network.</summary>
/// <param name="ColumnName">A column of keys, Boolean or numbers.</param>
/// <param name="Count">The number of classes, at least 1.</param>
/// <param name="HasNull">Whether the network knows rows without a class: their label is the one after the last.</param>
/// <param name="Classes">
/// What the classes stand for, by which a column's keys are matched; <see langword="null"/>: their numbers alone.
/// </param>
internal sealed record LabelCondition(string ColumnName, int Count, bool HasNull = false, ClassLabels? Classes = null) : ICondition
{
    /// <summary>The labels that the network knows, the null included.</summary>
    public int NetworkCount => Count + (HasNull ? 1 : 0);

    private long Null => HasNull ? Count : throw new InvalidOperationException("The network knows no rows without a class.");

    /// <summary>The condition that options and a column describe, or <see langword="null"/> for a model without labels.</summary>
    /// <exception cref="ArgumentException">
    /// There are classes without a column, a column without classes, or another number of labels.
    /// </exception>
    public static LabelCondition? Create(string? columnName, int count, bool hasNull = false, ClassLabels? classes = null)
    {
        if (count < 0 || count > 0 != columnName is not null)
        {
            throw new ArgumentException(
                $"{count} labels cannot be combined with "
                + (columnName is null ? "no label column" : $"the label column {Quoted.Text(columnName)}"));
        }


        classes?.Check(count);
        return columnName is null ? null : new LabelCondition(columnName, count, hasNull, classes);
    }

    /// <inheritdoc/>
    public TensorColumn OpenColumn(DataViewSchema schema) => TensorColumn.Label(schema, ColumnName, Count, Classes);

    /// <inheritdoc/>
    public void Check(ConditionRequest request, int count, string parameterName)
    {
        (string Option, object[] Values, bool IsPerRow)[] given = [.. request.GivenLabels];
        if (given.Length > 1)
            throw new ArgumentException($"{given[0].Option} and {given[1].Option} are both given; expected one of them.", parameterName);
        if (given is [{ IsPerRow: true } perRow] && perRow.Values.Length != count)
        {
            throw new ArgumentException(
                $"{perRow.Option} has {perRow.Values.Length} values; expected {count}, one for each row.", parameterName);
        }

        if (!request.HasLabel && !HasNull && count > 0)
        {
            throw new ArgumentException(
                $"The model was trained with labels: expected one of {Expected} as {nameof(request.Label)}"
                + $"{(Classes is null ? "" : $", or its name as {nameof(request.LabelName)}")}.", parameterName);
        }

        foreach ((string option, object[] values, bool isPerRow) in given)
        {
            for (int row = 0; row < values.Length; row++)
            {
                if (values[row] is string name ? IndexOf(name) >= 0 : values[row] is int label && label >= 0 && label < Count)
                    continue;
                string expected = values[row] is int ? Expected
                    : Classes?.ToString() ?? $"'0' to '{Count - 1}', since the model's classes have no names";
                throw new ArgumentException(
                    $"{option}{(isPerRow ? $"[{row}]" : "")} is {Describe(values[row])}; expected {expected}.", parameterName);
            }
        }
    }

    /// <summary>A class that a caller asks for, as messages show it.</summary>
    public static string Describe(object? value) => value is string name ? Quoted.Text(name) : value?.ToString() ?? "null";

    /// <inheritdoc/>
    public Tensor ValuesOf(ConditionRequest request, int first, int count, Device device) =>
        tensor([.. Enumerable.Range(first, count).Select(i => (long)(LabelOf(request, i) ?? Count))], device: device);

    /// <summary>
    /// The classes that a caller asks for as a column of the generated rows: keys with the names, missing where none is asked for.
    /// </summary>
    /// <param name="request">What the caller asks for; checked.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    public MemoryColumn GeneratedColumn(ConditionRequest request, int first, int count) => MemoryColumn.Keys(
        ColumnName, [.. Enumerable.Range(first, count).Select(i => (uint)((LabelOf(request, i) ?? -1) + 1))], Count,
        Classes?.ToAnnotations());

    private string Expected => $"0 to {Count - 1}{(Classes is null or { AreNumbersFromZero: true } ? "" : $" ({Classes})")}";

    private int? LabelOf(ConditionRequest request, int row) =>
        request.Labels?[row] ?? request.Label ?? ((request.LabelNames?[row] ?? request.LabelName) is { } name ? IndexOf(name) : (int?)null);

    private int IndexOf(string name)
    {
        if (Classes is not null)
            return Classes.IndexOf(name);
        return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < Count ? number : -1;
    }

    /// <inheritdoc/>
    public Tensor Encode(Tensor values) => values;

    /// <inheritdoc/>
    public Tensor NullLike(Tensor encoded) => TensorFactory.Constant(encoded.shape, Null, encoded.device);

    /// <summary>Replaces the labels of some rows by the null.</summary>
    /// <param name="labels">[batch].</param>
    /// <param name="isDropped">Which rows, [batch] of Bool.</param>
    public Tensor Drop(Tensor labels, Tensor isDropped) => labels.Masked(isDropped, Null);

    /// <summary>Samples labels, all classes equally often: [rows], on the CPU.</summary>
    public Tensor Sample(long rows, Generator generator) => randint(0, Count, [rows], ScalarType.Int64, generator: generator);

    /// <summary>The classes in turn: [rows].</summary>
    public Tensor InTurn(int rows, Device device) => TensorFactory.Range(rows, device: device).Remainder(Count);

    /// <summary>Vectors with a one in the place of the row's class and zeros elsewhere: [batch] to [batch, count].</summary>
    public static Tensor OneHot(Tensor labels, int count, ScalarType type = ScalarType.Float32) =>
        nn.functional.one_hot(labels, count).to(type);
}
