using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Transforms.Image;

namespace Microsoft.ML.Generative.Data.Images;

/// <summary>Reads a column's rows as images, whatever they are kept as.</summary>
internal static class ImageRows
{
    /// <summary>All rows, one at a time: images as they are, of vectors those of their type's shape.</summary>
    /// <exception cref="ArgumentException">The column is missing or holds no images; thrown before the first row is read.</exception>
    /// <exception cref="InvalidDataException">A row has no image, or values that are not finite.</exception>
    public static IEnumerable<MLImage> Read(IDataView data, string columnName)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(columnName);
        DataViewSchema.Column column = ColumnTypes.Find(data.Schema, columnName);
        if (column.Type is ImageDataViewType)
            return Images(data, column);
        ColumnTypes.CheckFeatures(SchemaShape.Create(data.Schema), columnName);
        return ImageShape.TryGet(column.Type, out ImageShape shape)
            ? Vectors(data, columnName, shape)
            : throw ColumnTypes.UnknownShape(
                columnName, "expected images, or a vector with dimensions of channels × height × width, as models of images have. "
                + $"{nameof(GenerativeTransformsCatalog.ToImage)} makes images of vectors without");
    }

    private static IEnumerable<MLImage> Images(IDataView data, DataViewSchema.Column column)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        ValueGetter<MLImage?> getter = cursor.GetGetter<MLImage?>(column);
        MLImage? image = null;
        while (cursor.MoveNext())
        {
            getter(ref image);
            // The next row may dispose of it.
            yield return image is null
                ? throw new InvalidDataException($"Column '{column.Name}', row {cursor.Position}: the image is missing.")
                : MLImage.CreateFromPixels(image.Width, image.Height, image.PixelFormat, image.Pixels);
        }
    }

    private static IEnumerable<MLImage> Vectors(IDataView data, string name, ImageShape shape)
    {
        using var reader = new PlaneReader(data, name, shape);
        while (reader.MoveNext())
            yield return ImagePixels.ToImage(reader.Planes, shape);
    }

    /// <summary>Reads vectors as planes of bytes.</summary>
    private sealed class PlaneReader : IDisposable
    {
        private readonly DataViewRowCursor _cursor;
        private readonly PlaneRowReader _reader;

        public PlaneReader(IDataView data, string name, ImageShape shape)
        {
            TensorColumn column = TensorColumn.Features(data.Schema, name, shape, ValueRange.Finite);
            _cursor = data.GetRowCursor([data.Schema[name]]);
            _reader = new PlaneRowReader(column, _cursor);
        }

        public byte[] Planes => _reader.Planes;

        public bool MoveNext()
        {
            if (!_cursor.MoveNext())
                return false;
            _reader.Read();
            return true;
        }

        public void Dispose() => _cursor.Dispose();
    }
}

/// <summary>Reads the current row of a column of vectors as planes of bytes, of values in 0..1 where they are Single.</summary>
internal sealed class PlaneRowReader(TensorColumn column, DataViewRow row)
{
    private readonly RowReader _reader = column.Open(row);
    private readonly byte[] _row = new byte[column.RowBytes];

    /// <summary>The bytes of the row that was read last.</summary>
    public byte[] Planes { get; } = new byte[column.Elements];

    public void Read()
    {
        _reader.Read(_row);
        if (_row.Length == Planes.Length)
        {
            _row.CopyTo(Planes, 0);
            return;
        }

        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(_row);
        for (int i = 0; i < values.Length; i++)
            Planes[i] = ImagePixels.ToByte(values[i]);
    }
}
