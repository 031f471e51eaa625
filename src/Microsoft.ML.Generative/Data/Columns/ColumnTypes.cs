using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Microsoft.ML.Transforms.Image;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>What a column's type says before any row is read.</summary>
internal static class ColumnTypes
{
    private const string SetShape = "set Height and Width (and Channels, unless 1)";

    private const string NoImages =
        SetShape + " if its values are pixels. Models of this kind learn images; vectors that are none are for Vae, Gan and Flow";

    public const string FeatureTypes = "an image, a known-size vector of Single or Byte, or Single";

    public static DataViewSchema.Column Find(DataViewSchema schema, string name) =>
        schema.GetColumnOrNull(name) ?? throw Mismatch(
            $"Column '{name}' is missing. The data has: {string.Join(", ", schema.Where(c => !c.IsHidden).Select(c => c.Name))}.");

    private static SchemaShape.Column Find(SchemaShape schema, string name) =>
        schema.TryFindColumn(name, out SchemaShape.Column column) ? column
            : throw Mismatch($"Column '{name}' is missing. The data has: {string.Join(", ", schema.Select(c => c.Name))}.");

    /// <summary>The same check on a schema's promise, before there is data.</summary>
    public static void CheckFeatures(SchemaShape schema, string name)
    {
        SchemaShape.Column column = Find(schema, name);
        bool isNumber = column.ItemType == NumberDataViewType.Single
            || (column.ItemType == NumberDataViewType.Byte && column.Kind == SchemaShape.Column.VectorKind.Vector);
        bool isFeature = column.Kind != SchemaShape.Column.VectorKind.VariableVector && !column.IsKey && isNumber;
        if (!isFeature && column.ItemType is not ImageDataViewType)
            throw Mismatch($"Column '{name}' has type {column.GetTypeString()}; expected {FeatureTypes}.");
    }

    /// <summary>Checks that a schema promises a column that can hold images.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public static void CheckImages(SchemaShape schema, string name)
    {
        CheckFeatures(schema, name);
        SchemaShape.Column column = Find(schema, name);
        if (column.Kind != SchemaShape.Column.VectorKind.Vector && column.ItemType is not ImageDataViewType)
        {
            throw Mismatch(
                $"Column '{name}' has type {column.GetTypeString()}; expected an image, or a known-size vector of Single or Byte with the "
                + "shape of an image.");
        }
    }

    /// <summary>That a schema promises a column of texts.</summary>
    public static void CheckText(SchemaShape schema, string name)
    {
        SchemaShape.Column column = Find(schema, name);
        if (column.Kind != SchemaShape.Column.VectorKind.Scalar || column.ItemType != TextDataViewType.Instance)
            throw Mismatch($"Column '{name}' has type {column.GetTypeString()}; expected text.");
    }

    /// <summary>That a schema promises a column of numbers, one per row.</summary>
    public static void CheckNumber(SchemaShape schema, string name) => CheckScalar(schema, name, NumberDataViewType.Single, "Single");

    /// <summary>That a schema promises a column of Booleans, one per row.</summary>
    public static void CheckBoolean(SchemaShape schema, string name) => CheckScalar(schema, name, BooleanDataViewType.Instance, "Boolean");

    private static void CheckScalar(SchemaShape schema, string name, DataViewType type, string expected)
    {
        SchemaShape.Column column = Find(schema, name);
        if (column.Kind != SchemaShape.Column.VectorKind.Scalar || column.IsKey || column.ItemType != type)
            throw Mismatch($"Column '{name}' has type {column.GetTypeString()}; expected {expected}.");
    }

    /// <summary>That a schema promises a column of labels.</summary>
    public static void CheckLabel(SchemaShape schema, string name)
    {
        SchemaShape.Column column = Find(schema, name);
        if (column.Kind != SchemaShape.Column.VectorKind.Scalar || !(column.IsKey || LabelRowReader.IsLabel(column.ItemType)))
            throw NoLabel(name, column.GetTypeString());
        ClassLabels.TypeOf(column);
    }

    /// <summary>The error where a column cannot be read as labels.</summary>
    public static ArgumentException NoLabel(string name, string? type) =>
        Mismatch($"Column '{name}' has type {type}; expected {LabelRowReader.Types}. Use MapValueToKey for other labels, such as texts.");

    /// <summary>That a schema promises a column of seeds.</summary>
    public static void CheckSeed(SchemaShape schema, string name)
    {
        SchemaShape.Column column = Find(schema, name);
        if (column.Kind != SchemaShape.Column.VectorKind.Scalar || !(column.IsKey || LabelRowReader.IsInteger(column.ItemType)))
            throw NoSeed(name, column.GetTypeString());
    }

    /// <summary>The error where a column cannot be read as seeds.</summary>
    public static ArgumentException NoSeed(string name, string? type) =>
        Mismatch($"Column '{name}' has type {type}; expected a key or an integer type.");

    public static int FeatureCount(DataViewSchema.Column column) => column.Type switch
    {
        VectorDataViewType { IsKnownSize: true } vector => vector.Size,
        VectorDataViewType => throw Mismatch(
            $"Column '{column.Name}' has a varying number of values per row ({column.Type}); expected {FeatureTypes}."),
        _ => 1,
    };

    /// <summary>
    /// The images' shape: what the caller asks for, else what the column says of itself (the dimensions of its vector
    /// type, or an image type), else what its first image has. <see langword="null"/> for plain features.
    /// </summary>
    /// <exception cref="ArgumentException">The parts contradict each other or the column's size.</exception>
    public static ImageShape? FindShape(IDataView data, string name, int? channels, int? height, int? width)
    {
        CheckFeatures(SchemaShape.Create(data.Schema), name);
        DataViewSchema.Column column = Find(data.Schema, name);
        ImageShape? own = column.Type switch
        {
            ImageDataViewType { Height: > 0 } image => new ImageShape(channels ?? 3, image.Height, image.Width),
            ImageDataViewType => FirstImage(data, column, channels ?? 3),
            _ when ImageShape.TryGet(column.Type, out ImageShape dimensions) => dimensions,
            _ => null,
        };

        CheckOrder(column, isShapeGiven: channels is not null && height is not null && width is not null);
        if (own is null && channels is null && height is null && width is null)
            return null;
        if (own is null && (height is null || width is null))
            throw UnknownShape(name);

        var shape = new ImageShape(channels ?? own?.Channels ?? 1, height ?? own!.Value.Height, width ?? own!.Value.Width);
        if (own is { } known && known != shape)
            throw Mismatch($"Column '{name}' holds images of {known}, but images of {shape} are expected.");
        if (shape.Channels is < 1 or > 4)
            throw Mismatch($"Column '{name}': images have 1 to 4 channels; found {shape.Channels}.");
        if (column.Type is VectorDataViewType && FeatureCount(column) != shape.Size)
            throw Mismatch($"Column '{name}' has {FeatureCount(column)} values per row; images of {shape} have {shape.Size}.");
        if (column.Type is ImageDataViewType && shape.Channels is 2)
            throw Mismatch($"Column '{name}': an image column is read with Channels 1 (gray), 3 (RGB) or 4 (RGBA); found 2.");
        return shape;
    }

    // Values pixel by pixel, as ExtractPixels puts them with interleavePixelColors, would be read as other images.
    private static void CheckOrder(DataViewSchema.Column column, bool isShapeGiven)
    {
        if (column.Type is not VectorDataViewType { Dimensions: [var first, var second, var last] } || last is < 2 or > 4)
            return;
        if (first > 4)
            throw Mismatch(
                $"Column '{column.Name}' has the dimensions {first} × {second} × {last}, which are those of height × width × channels; "
                + "expected channels × height × width, "
                + "plane by plane (of ExtractPixels with interleavePixelColors: false).");
        if (first is 2 or 4 && last == 3 && !isShapeGiven)
            throw Mismatch(
                $"Column '{column.Name}' has the dimensions {first} × {second} × {last}, which may be those of channels × height × width "
                + "or of height × width × channels. "
                + "Expected the former: if it is that, set Channels, Height and Width.");
    }

    /// <summary>The error of a column that is missing or cannot be read: of the type that ML.NET's own transforms throw then.</summary>
    public static ArgumentException Mismatch(string message) => (ArgumentException)Contracts.ExceptParam("input", message);

    /// <param name="name">The column.</param>
    /// <param name="remedy">What else to do than to set the shape.</param>
    public static ArgumentException UnknownShape(string name, string? remedy = null) =>
        Mismatch($"The shape of the images in column '{name}' is unknown: {remedy ?? SetShape}.");

    /// <summary>The error where a model needs images and the column may hold none.</summary>
    public static ArgumentException NoShape(string name) => UnknownShape(name, NoImages);

    /// <summary>The error where an option needs images, of which the column is unknown.</summary>
    /// <param name="name">The column.</param>
    /// <param name="option">The option's name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="other">A value that needs no images.</param>
    public static ArgumentException UnknownShape(string name, string option, object value, object other) =>
        new($"{option} is {value}, but the shape of the images in column '{name}' is unknown: {SetShape}, or {option} to {other}.", option);

    private static ImageShape FirstImage(IDataView data, DataViewSchema.Column column, int channels)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        if (!cursor.MoveNext())
            throw EmptyTable.Error([column.Name]);

        MLImage? image = null;
        cursor.GetGetter<MLImage?>(column)(ref image);
        return image is null
            ? throw new ArgumentException($"Column '{column.Name}', row 0: the image is missing.")
            : new ImageShape(channels, image.Height, image.Width);
    }
}
