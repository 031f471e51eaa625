using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Images and their classes as rows: <c>Image</c>, a vector of bytes whose dimensions are the <see cref="ImageShape"/>, and
/// <c>Label</c>, a key with the names of the classes as key values, where there are classes. A row costs one copy of its bytes.
/// </summary>
internal sealed class ByteImageDataView : IDataView
{
    public const string ImageColumnName = "Image";
    public const string LabelColumnName = "Label";

    // Cursors of a set take turns by blocks of this many rows: enough to make the merging of them cheap.
    private const int BlockSize = 64;

    public ByteImageDataView(IByteImageSource source)
    {
        Source = source;
        DataViewSchema.Builder schema = new();
        schema.AddColumn(ImageColumnName, source.Shape.VectorType(NumberDataViewType.Byte));
        if (source.ClassNames.Count > 0)
            schema.AddColumn(LabelColumnName, new KeyDataViewType(typeof(uint), source.ClassNames.Count), KeyValues(source.ClassNames));
        Schema = schema.ToSchema();
    }

    /// <summary>Where the rows come from.</summary>
    internal IByteImageSource Source { get; }

    /// <summary>All images one after the other when they lie in memory so; empty when they are computed on demand.</summary>
    internal ReadOnlyMemory<byte> Pixels => (Source as StoredImages)?.Pixels;

    /// <summary>The class of each image, from 0 (the key less one), when <see cref="Pixels"/> is there; otherwise empty.</summary>
    internal ReadOnlyMemory<byte> Classes => (Source as StoredImages)?.Classes;

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => true;

    /// <inheritdoc/>
    public long? GetRowCount() => Source.Count;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
        new ByteImageCursor(this, Active(columnsNeeded), Order(rand), BlockSize, part: 0, parts: 1);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        var active = Active(columnsNeeded);
        var order = Order(rand);
        var parts = Math.Clamp(n, 1, Math.Max(1, (Source.Count + BlockSize - 1) / BlockSize));
        return [.. Enumerable.Range(0, parts).Select(part => new ByteImageCursor(this, active, order, BlockSize, part, parts))];
    }

    private bool[] Active(IEnumerable<DataViewSchema.Column> columnsNeeded)
    {
        ArgumentNullException.ThrowIfNull(columnsNeeded);
        var active = new bool[Schema.Count];
        foreach (var column in columnsNeeded)
            active[IndexOf(column)] = true;
        return active;
    }

    internal int IndexOf(DataViewSchema.Column column) =>
        column.Index < Schema.Count && Schema[column.Index].Name == column.Name
            ? column.Index
            : throw new ArgumentException(
                $"Column '{column.Name}' is not one of these rows: they have "
                + $"{string.Join(" and ", Schema.Select(own => $"'{own.Name}'"))}.", nameof(column));

    private int[]? Order(Random? rand)
    {
        if (rand is null)
            return null;
        var order = new int[Source.Count];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        rand.Shuffle(order);
        return order;
    }

    private static DataViewSchema.Annotations KeyValues(IReadOnlyList<string> names)
    {
        VBuffer<ReadOnlyMemory<char>> values = new(names.Count, [.. names.Select(name => name.AsMemory())]);
        DataViewSchema.Annotations.Builder annotations = new();
        annotations.Add("KeyValues", new VectorDataViewType(TextDataViewType.Instance, names.Count),
            (ref VBuffer<ReadOnlyMemory<char>> destination) => values.CopyTo(ref destination));
        return annotations.ToAnnotations();
    }
}
