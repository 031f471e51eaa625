using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>A class, from 0: [batch] Int64 in the column and for the network.</summary>
/// <param name="ColumnName">A key column, or one of integers.</param>
/// <param name="Count">The number of classes, at least 1.</param>
/// <param name="HasNull">Whether the network knows rows without a class: their label is the one after the last.</param>
internal sealed record LabelCondition(string ColumnName, int Count, bool HasNull = false) : ICondition
{
    /// <summary>The labels that the network knows, the null included.</summary>
    public int NetworkCount => Count + (HasNull ? 1 : 0);

    private long Null => HasNull ? Count : throw new InvalidOperationException("The network knows no rows without a class.");

    /// <summary>The condition that options and a column describe, or <see langword="null"/> for a model without labels.</summary>
    /// <exception cref="ArgumentException">There are classes without a column, or a column without classes.</exception>
    public static LabelCondition? Create(string? columnName, int count, bool hasNull = false)
    {
        if (count < 0 || count > 0 != columnName is not null)
            throw new ArgumentException($"{count} labels cannot be combined with the label column '{columnName}'");
        return columnName is null ? null : new LabelCondition(columnName, count, hasNull);
    }

    /// <inheritdoc/>
    public TensorColumn OpenColumn(DataViewSchema schema) => TensorColumn.Label(schema, ColumnName, Count);

    /// <inheritdoc/>
    public void Check(ConditionRequest request, int count, string parameterName)
    {
        if (request is { Label: not null, Labels: not null })
            throw new ArgumentException(
                $"{nameof(request.Label)} and {nameof(request.Labels)} are both given; expected one of them.", parameterName);
        if (request.Labels is { } labels && labels.Count != count)
            throw new ArgumentException($"{labels.Count} labels were given for {count} rows.", parameterName);
        if (!request.HasLabel && !HasNull && count > 0)
            throw new ArgumentException($"The model was trained with labels: expected one of 0 to {Count - 1}.", parameterName);
        foreach (int label in request.Labels ?? (request.Label is { } one ? [one] : []))
        {
            if (label < 0 || label >= Count)
                throw new ArgumentException($"The label is {label}; expected 0 to {Count - 1}.", parameterName);
        }
    }

    /// <inheritdoc/>
    public Tensor ValuesOf(ConditionRequest request, int first, int count, Device device) =>
        tensor([.. Enumerable.Range(first, count).Select(i => (long)(request.Labels?[i] ?? request.Label ?? Count))], device: device);

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
