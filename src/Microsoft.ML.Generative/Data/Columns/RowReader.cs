using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>Reads a column of the current row into the bytes of a tensor's row.</summary>
internal abstract class RowReader(TensorColumn column, DataViewRow row)
{
    protected TensorColumn Column { get; } = column;

    /// <exception cref="InvalidDataException">The value cannot be used; the message names column and row.</exception>
    public abstract void Read(Span<byte> destination);

    protected InvalidDataException Refuse(string what) => new($"Column '{Column.Name}', row {row.Position}: {what}");

    protected void CheckRange(ReadOnlySpan<float> values)
    {
        ValueRange range = Column.Range;
        if (AllWithin(values, range))
            return;

        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw Refuse($"value {i} is {values[i]}; expected finite numbers. Replace missing values first (ReplaceMissingValues).");
            if (values[i] < range.Lowest || values[i] > range.Highest)
                throw Refuse($"value {i} is {values[i]}; expected {range.Lowest} to {range.Highest}. {Remedy}.");
        }
    }

    private string Remedy => Column.Range == ValueRange.Scaled
        ? "Scale the column first (NormalizeMeanVariance with fixZero: false): the network learns values of about −1 to 1"
        : "Scale the column first (for pixels: ExtractPixels with scaleImage: 1f / 255; for other values: NormalizeMinMax with fixZero: "
            + "false)"
            + (Column.Alternative is { } alternative ? $", or {alternative}" : "");

    // False for NaN too: a comparison with it never holds.
    private static bool AllWithin(ReadOnlySpan<float> values, ValueRange range)
    {
        var lowest = new Vector<float>(range.Lowest);
        var highest = new Vector<float>(range.Highest);
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var within = Vector<int>.AllBitsSet;
        foreach (ref readonly Vector<float> v in vectors)
            within &= Vector.GreaterThanOrEqual(v, lowest) & Vector.LessThanOrEqual(v, highest);

        bool all = within == Vector<int>.AllBitsSet;
        foreach (float v in values[(vectors.Length * Vector<float>.Count)..])
            all &= v >= range.Lowest && v <= range.Highest;
        return all;
    }
}

internal sealed class VectorRowReader<T>(TensorColumn column, DataViewRow row, int index) : RowReader(column, row)
    where T : unmanaged
{
    private readonly ValueGetter<VBuffer<T>> _getter = row.GetGetter<VBuffer<T>>(row.Schema[index]);
    private VBuffer<T> _buffer;

    public override void Read(Span<byte> destination)
    {
        _getter(ref _buffer);
        if (_buffer.Length != Column.Elements)
            throw Refuse($"found {_buffer.Length} values; expected {Column.Elements}.");

        Span<T> values = MemoryMarshal.Cast<byte, T>(destination);
        if (_buffer.IsDense)
            _buffer.GetValues().CopyTo(values);
        else
            _buffer.CopyTo(values);
        if (typeof(T) == typeof(float))
            CheckRange(MemoryMarshal.Cast<byte, float>(destination));
    }
}

internal sealed class SingleRowReader(TensorColumn column, DataViewRow row, int index) : RowReader(column, row)
{
    private readonly ValueGetter<float> _getter = row.GetGetter<float>(row.Schema[index]);

    public override void Read(Span<byte> destination)
    {
        Span<float> value = MemoryMarshal.Cast<byte, float>(destination);
        _getter(ref value[0]);
        CheckRange(value);
    }
}

/// <summary>Reads an image's pixels as planes of bytes: gray (ITU-R BT.601 luma), RGB or RGBA.</summary>
internal sealed class ImageRowReader(TensorColumn column, DataViewRow row, int index, ImageShape shape) : RowReader(column, row)
{
    private readonly ValueGetter<MLImage?> _getter = row.GetGetter<MLImage?>(row.Schema[index]);

    // Who makes images (LoadImages, ResizeImages) disposes of the one handed back with the next call; who owns them (a list in
    // memory) does not. So it is handed back, and never disposed of here.
    private MLImage? _image;

    public override void Read(Span<byte> destination)
    {
        _getter(ref _image);
        if (_image is null)
            throw Refuse("the image is missing.");
        if ((_image.Height, _image.Width) != (shape.Height, shape.Width))
        {
            throw Refuse(
                $"the image has {_image.Width}×{_image.Height} pixels; expected {shape.Width}×{shape.Height}. Resize them with "
                + "ResizeImages.");
        }

        (int red, int blue) = _image.PixelFormat switch
        {
            MLPixelFormat.Rgba32 => (0, 2),
            MLPixelFormat.Bgra32 => (2, 0),
            var other => throw Refuse($"the image has pixel format {other}; expected Rgba32 or Bgra32."),
        };
        CopyPlanes(_image.Pixels, destination, red, blue);
    }

    private void CopyPlanes(ReadOnlySpan<byte> pixels, Span<byte> planes, int red, int blue)
    {
        int size = shape.Height * shape.Width;
        if (shape.Channels == 1)
        {
            for (int i = 0; i < size; i++)
            {
                ReadOnlySpan<byte> pixel = pixels.Slice(4 * i, 4);
                planes[i] = (byte)((299 * pixel[red] + 587 * pixel[1] + 114 * pixel[blue] + 500) / 1000);
            }

            return;
        }

        ReadOnlySpan<int> order = [red, 1, blue, 3];
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            Span<byte> plane = planes.Slice(channel * size, size);
            int offset = order[channel];
            for (int i = 0; i < size; i++)
                plane[i] = pixels[4 * i + offset];
        }
    }
}
