using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using Microsoft.ML.Transforms.Image;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>
/// A column of an <see cref="IDataView"/> seen as rows of a tensor: its element type stays as narrow as the column's
/// (pixels stay bytes) until a batch is computed with.
/// </summary>
internal sealed class TensorColumn
{
    private readonly Func<TensorColumn, DataViewRow, int, RowReader> _open;

    private TensorColumn(string name, torch.ScalarType type, long[] rowShape, Func<TensorColumn, DataViewRow, int, RowReader> open)
    {
        Name = name;
        Type = type;
        RowShape = rowShape;
        _open = open;
        Elements = checked((int)rowShape.Aggregate(1L, (product, size) => checked(product * size)));
        RowBytes = checked(Elements * type switch { torch.ScalarType.Byte => 1, torch.ScalarType.Float32 => 4, _ => 8 });
    }

    public string Name { get; }

    /// <summary>How rows are kept: Byte, Float32 or, for labels, Int64.</summary>
    public torch.ScalarType Type { get; }

    /// <summary>The shape of one row: [channels, height, width], [features] or, for labels, [].</summary>
    public long[] RowShape { get; }

    public int Elements { get; }

    public int RowBytes { get; }

    /// <summary>Feature values outside of this range are refused.</summary>
    public ValueRange Range { get; private init; } = ValueRange.Finite;

    /// <summary>What can be done where values are outside of the range, beside scaling them.</summary>
    public string? Alternative { get; init; }

    /// <summary>Opens the column of a row or cursor for reading.</summary>
    public RowReader Open(DataViewRow row) => _open(this, row, row.Schema[Name].Index);

    /// <summary>
    /// What the network computes with: [rows, ..row shape], floats for features (bytes become 0..1), integers for labels.
    /// </summary>
    public torch.Tensor ToNetworkInput(torch.Tensor rows, torch.Device device)
    {
        bool isOnCpu = device.type == DeviceType.CPU;
        // Bytes cross to the device first: they are a quarter of the size.
        torch.Tensor values = isOnCpu ? rows : rows.OnDevice(device);
        if (Type == torch.ScalarType.Byte)
            values = isOnCpu ? ByteScaling.ToUnit(rows) : values.to(torch.ScalarType.Float32).div_(_levels.Value);
        return RowShape.Length == 1 ? values : values.view([rows.size(0), .. RowShape]);
    }

    private static readonly Lazy<Scalar> _levels = new(() => 255f.ToScalar());

    /// <summary>A column of images or feature vectors.</summary>
    /// <param name="schema">Where to look for the column.</param>
    /// <param name="name">The column.</param>
    /// <param name="shape">The images' shape; <see langword="null"/> for plain features.</param>
    /// <param name="range">The values allowed.</param>
    /// <param name="alternative">What can be done where values are outside of the range, beside scaling them.</param>
    /// <exception cref="ArgumentException">The column is missing, or of another type or size.</exception>
    public static TensorColumn Features(DataViewSchema schema, string name, ImageShape? shape, ValueRange range, string? alternative = null)
    {
        DataViewSchema.Column column = ColumnTypes.Find(schema, name);
        int elements = shape?.Size ?? ColumnTypes.FeatureCount(column);
        long[] rowShape = shape?.Dimensions ?? [elements];

        switch (column.Type)
        {
            case ImageDataViewType image when shape is { } images:
                if (image.Height > 0 && (image.Height, image.Width) != (images.Height, images.Width))
                    throw ColumnTypes.Mismatch(
                        $"Column '{name}' holds images of {image.Width}×{image.Height} pixels; expected {images.Width}×{images.Height}. "
                        + "Resize them with ResizeImages.");
                return new TensorColumn(
                    name, torch.ScalarType.Byte, rowShape, (c, row, index) => new ImageRowReader(c, row, index, images));

            case VectorDataViewType { IsKnownSize: true } vector when vector.Size != elements:
                throw ColumnTypes.Mismatch(
                    $"Column '{name}' has {vector.Size} values per row; expected {elements}{(shape is null ? "" : $" ({shape})")}.");

            case VectorDataViewType { IsKnownSize: true, Dimensions: { Length: 3 } dimensions }
                when shape is { } expected && !expected.Fits(dimensions.AsSpan()):
                throw ColumnTypes.Mismatch(
                    $"Column '{name}' has the dimensions {string.Join(" × ", dimensions)}; expected "
                    + $"{string.Join(" × ", expected.Dimensions)}, channels × height × width.");

            case VectorDataViewType { IsKnownSize: true } vector when vector.ItemType == NumberDataViewType.Byte:
                return new TensorColumn(name, torch.ScalarType.Byte, rowShape, (c, row, index) => new VectorRowReader<byte>(c, row, index));

            case VectorDataViewType { IsKnownSize: true } vector when vector.ItemType == NumberDataViewType.Single:
                return new TensorColumn(
                    name, torch.ScalarType.Float32, rowShape, (c, row, index) => new VectorRowReader<float>(c, row, index))
                {
                    Range = range,
                    Alternative = alternative
                };

            case NumberDataViewType when column.Type == NumberDataViewType.Single && elements == 1:
                return new TensorColumn(
                    name, torch.ScalarType.Float32, rowShape, (c, row, index) => new SingleRowReader(c, row, index))
                {
                    Range = range,
                    Alternative = alternative
                };

            default:
                throw ColumnTypes.Mismatch($"Column '{name}' has type {column.Type}; expected {ColumnTypes.FeatureTypes}.");
        }
    }

    /// <summary>A column of the rows that a model was trained on.</summary>
    /// <inheritdoc cref="Features(DataViewSchema, string, ImageShape?, ValueRange, string?)"/>
    public static TensorColumn Features(DataViewSchema schema, string name, RowShape row, ValueRange range, string? alternative = null)
    {
        TensorColumn column = Features(schema, name, row.Image, range, alternative);
        return column.Elements == row.Size ? column
            : throw ColumnTypes.Mismatch($"Column '{name}' has {column.Elements} values per row; the model was trained on {row.Size}.");
    }

    /// <summary>A column of seeds, integers from 0.</summary>
    /// <param name="schema">Where to look for the column.</param>
    /// <param name="name">The column: a key or any integer type.</param>
    /// <exception cref="ArgumentException">The column is missing or of another type.</exception>
    public static TensorColumn Seed(DataViewSchema schema, string name)
    {
        DataViewSchema.Column column = ColumnTypes.Find(schema, name);
        return LabelRowReader.IsInteger(column.Type) ? Integers(name, long.MaxValue, classes: null)
            : throw ColumnTypes.NoSeed(name, column.Type.ToString());
    }

    /// <summary>A column of class labels, as integers from 0.</summary>
    /// <param name="schema">Where to look for the column.</param>
    /// <param name="name">The column: a key, Boolean, or numbers.</param>
    /// <param name="classCount">Labels must be below this number.</param>
    /// <param name="classes">
    /// What the model's classes stand for, by which they are found in the column; <see langword="null"/>: numbers, of which a key's first
    /// is 0.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The column is missing or of another type, or has values that the model's classes do not.
    /// </exception>
    public static TensorColumn Label(DataViewSchema schema, string name, long classCount, ClassLabels? classes = null)
    {
        DataViewSchema.Column column = ColumnTypes.Find(schema, name);
        return LabelRowReader.IsLabel(column.Type) ? Integers(name, classCount, LabelMapping.Find(column, classes))
            : throw ColumnTypes.NoLabel(name, column.Type.ToString());
    }

    private static TensorColumn Integers(string name, long count, IReadOnlyDictionary<long, int>? classes) =>
        new(name, torch.ScalarType.Int64, [], (column, row, index) => LabelRowReader.Open(column, row, index, count, classes));
}
