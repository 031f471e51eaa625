using Microsoft.ML.Generative.Data.Columns;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>
/// What the rows of a model are conditioned on, such as a label or an image. It is read from a column of rows, or from what a caller asks
/// for, encodes the values for the network, and has a null, which classifier-free guidance compares with (Ho, Salimans 2022).
/// </summary>
internal interface ICondition
{
    /// <summary>The column of rows.</summary>
    string ColumnName { get; }

    /// <summary>Opens the column of a data view.</summary>
    /// <exception cref="ArgumentException">The column is missing, or of another type or size.</exception>
    TensorColumn OpenColumn(DataViewSchema schema);

    /// <summary>Checks what a caller asks for.</summary>
    /// <param name="request">What the caller asks for.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="parameterName">Where it was given.</param>
    /// <exception cref="ArgumentException">It is missing, or cannot be used.</exception>
    void Check(ConditionRequest request, int count, string parameterName);

    /// <summary>The values that a caller asks for, as the column has them.</summary>
    /// <param name="request">What the caller asks for; checked.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="device">Where the values are wanted.</param>
    Tensor ValuesOf(ConditionRequest request, int first, int count, Device device);

    /// <summary>Encodes values, as the column has them, for the network.</summary>
    Tensor Encode(Tensor values);

    /// <summary>The null of as many rows as are encoded: what the network takes where it is not to know the condition.</summary>
    Tensor NullLike(Tensor encoded);
}
