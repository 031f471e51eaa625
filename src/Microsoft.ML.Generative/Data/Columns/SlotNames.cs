using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>The names of a vector column's values, which columns of generated and reconstructed rows keep.</summary>
internal static class SlotNames
{
    // Beside the classes' names, in a configuration.
    private const int MaxBytes = ModelConfigJson.MaxBytes / 4;

    /// <summary>The names, or <see langword="null"/> for a column that is missing or without.</summary>
    public static string[]? Of(DataViewSchema schema, string name) => schema.GetColumnOrNull(name) is { } column ? Of(column) : null;

    /// <summary>The names, or <see langword="null"/> for a column without.</summary>
    public static string[]? Of(DataViewSchema.Column column)
    {
        if (column.Type is not VectorDataViewType || !column.HasSlotNames())
            return null;
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.GetSlotNames(ref names);
        return [.. names.DenseValues().Select(slot => slot.ToString())];
    }

    /// <summary>
    /// The names that a model file keeps: <see langword="null"/> for those of very many values, which would be most of it.
    /// </summary>
    public static string[]? ToKeep(DataViewSchema schema, string name) =>
        Of(schema, name) is { } names
        && JsonSerializer.SerializeToUtf8Bytes(names, ModelConfigJson.Options).Length <= MaxBytes ? names : null;

    /// <summary>What a column of such values says of itself.</summary>
    public static DataViewSchema.Annotations? ToAnnotations(string[]? names)
    {
        if (names is null)
            return null;
        var builder = new DataViewSchema.Annotations.Builder();
        builder.AddSlotNames(names.Length, (ref VBuffer<ReadOnlyMemory<char>> all) =>
            new VBuffer<ReadOnlyMemory<char>>(names.Length, [.. names.Select(name => name.AsMemory())]).CopyTo(ref all));
        return builder.ToAnnotations();
    }

    /// <summary>The promise of <see cref="ToAnnotations"/>.</summary>
    public static SchemaShape? Promise(SchemaShape input, string name) =>
        input.TryFindColumn(name, out SchemaShape.Column column) && column.HasSlotNames()
            ? new SchemaShape(
                [new SchemaShape.Column(
                    AnnotationUtils.Kinds.SlotNames, SchemaShape.Column.VectorKind.Vector, TextDataViewType.Instance, isKey: false)])
            : null;

    /// <exception cref="ArgumentException">There are more or fewer names than values.</exception>
    public static void Check(string[]? names, int size)
    {
        if (names is not null && names.Length != size)
            throw new ArgumentException($"{names.Length} names of values cannot be combined with rows of {size}");
    }
}
