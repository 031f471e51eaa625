using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Microsoft.ML.Generative.Interop;

/// <summary>A column that a transformer adds, as its estimator knows it before there is data.</summary>
internal readonly record struct OutputColumn(string Name, DataViewType ItemType, bool IsVector)
{
    /// <summary>Whether its values are keys; <see cref="ItemType"/> is then UInt32.</summary>
    public bool IsKey { get; init; }

    /// <summary>What the column says of itself.</summary>
    public SchemaShape? Annotations { get; init; }

    /// <summary>A column of images, or none without a name.</summary>
    public static IEnumerable<OutputColumn> Images(string? name) =>
        name is null ? [] : [new OutputColumn(name, new ImageDataViewType(), IsVector: false)];

    /// <summary>The columns of the input with those added, in place of others of their names.</summary>
    public static SchemaShape Promise(SchemaShape input, IEnumerable<OutputColumn> added)
    {
        Dictionary<string, SchemaShape.Column> columns = input.ToDictionary(c => c.Name);
        foreach (OutputColumn column in added)
            columns[column.Name] = new SchemaShape.Column(
                column.Name, column.IsVector ? SchemaShape.Column.VectorKind.Vector : SchemaShape.Column.VectorKind.Scalar, column.ItemType,
                column.IsKey, column.Annotations);
        return new SchemaShape(columns.Values);
    }
}
