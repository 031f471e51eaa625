using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Reads images in the binary form of CIFAR-10, plain or in gzip: records of 3,073 bytes, the class and then 32 rows of 32 values of red,
/// the same of green and of blue. There is no header.
/// Source: A. Krizhevsky, "The CIFAR-10 dataset", section "Binary version", https://www.cs.toronto.edu/~kriz/cifar.html.
/// </summary>
internal static class CifarReader
{
    public static ImageShape Shape { get; } = new(3, 32, 32);

    public static int RecordSize { get; } = 1 + Shape.Size;

    /// <summary>Reads a file of as many records as there is room for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="classCount">Classes must be below this number.</param>
    /// <param name="classes">The class of each record.</param>
    /// <param name="pixels">The pixels of each record.</param>
    /// <exception cref="InvalidDataException">
    /// The file has another number of records, or a class that there is not; the message names the file and the place.
    /// </exception>
    public static void Read(string path, int classCount, Memory<byte> classes, Memory<byte> pixels) =>
        PackedFile.Read(path, (long)RecordSize * classes.Length, (content, _) =>
        {
            ReadRecords(content, classCount, classes.Span, pixels.Span);
            return true;
        });

    /// <inheritdoc cref="Read"/>
    public static void ReadRecords(Stream content, int classCount, Span<byte> classes, Span<byte> pixels)
    {
        Span<byte> label = stackalloc byte[1];
        for (var i = 0; i < classes.Length; i++)
        {
            var image = pixels.Slice(i * Shape.Size, Shape.Size);
            var read = content.ReadAtLeast(label, 1, throwOnEndOfStream: false);
            if (read == 1)
                read += content.ReadAtLeast(image, image.Length, throwOnEndOfStream: false);
            if (read < RecordSize)
            {
                throw new InvalidDataException(
                    $"it is truncated: {(long)i * RecordSize + read:N0} of {(long)classes.Length * RecordSize:N0} bytes are there, {i:N0} "
                    + $"of {classes.Length:N0} records of {RecordSize:N0} bytes.");
            }

            if (label[0] >= classCount)
                throw new InvalidDataException($"record {i + 1:N0} has the label {label[0]}, expected 0 to {classCount - 1}.");
            classes[i] = label[0];
        }

        // One byte more is asked for, never more; asking is also what makes gzip compare its check sum.
        if (content.Read(label) != 0)
            throw new InvalidDataException($"there are bytes after its {classes.Length:N0} records of {RecordSize:N0} bytes.");
    }
}
