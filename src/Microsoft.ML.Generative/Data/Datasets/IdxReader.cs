using System.Buffers.Binary;
using System.IO.Compression;

namespace Microsoft.ML.Generative;

/// <summary>
/// Reads arrays of bytes in the IDX format, plain or in gzip. The file is a magic number (two zero bytes, 0x08 for unsigned
/// bytes, the number of dimensions), each dimension as a big-endian Int32, then the values, the last dimension running fastest.
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
/// </summary>
internal static class IdxReader
{
    private const byte UnsignedByte = 0x08;

    // Deflate cannot do better: 258 bytes for two bits. A header that promises more than that is not worth allocating for.
    private const long MostBytesPerDeflatedByte = 1032;

    /// <summary>Reads a file whose dimensions are known beforehand.</summary>
    /// <param name="path">The file; whether it is gzip is told from its content.</param>
    /// <param name="dimensions">What the header must say.</param>
    /// <returns>The values.</returns>
    /// <exception cref="InvalidDataException">The content is not that; the message names the file and the reason.</exception>
    public static byte[] Read(string path, params ReadOnlySpan<int> dimensions)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        try
        {
            if (!StartsWithGzip(file))
                return ReadArray(file, dimensions, file.Length);

            using GZipStream unzipped = new(file, CompressionMode.Decompress);
            // Bounded before the product: a file's length times the ratio may not fit.
            var values = ReadArray(unzipped, dimensions, Math.Min(file.Length, long.MaxValue / MostBytesPerDeflatedByte) * MostBytesPerDeflatedByte);
            CheckEnding(file, HeaderSize(dimensions) + values.LongLength);
            return values;
        }
        catch (Exception reason) when (reason is InvalidDataException or EndOfStreamException)
        {
            throw new InvalidDataException($"'{path}' cannot be used: {reason.Message}", reason);
        }
    }

    private static bool StartsWithGzip(FileStream file)
    {
        Span<byte> start = stackalloc byte[2];
        var read = file.ReadAtLeast(start, 2, throwOnEndOfStream: false);
        file.Position = 0;
        return read == 2 && start is [0x1f, 0x8b];
    }

    /// <summary>
    /// GZipStream does not miss an ending that is cut off, nor mind bytes that follow it. So the last four bytes of the file are
    /// held against the content: they are its length. (Of several archives in one file they would be the last's: none of the
    /// known data sets is packed so.)
    /// </summary>
    private static void CheckEnding(FileStream file, long contentLength)
    {
        Span<byte> ending = stackalloc byte[4];
        file.Position = file.Length - ending.Length;
        file.ReadExactly(ending);
        if (BinaryPrimitives.ReadUInt32LittleEndian(ending) != (uint)contentLength)
            throw new InvalidDataException("its gzip archive does not end as it should: it is truncated, or something follows it.");
    }

    private static int HeaderSize(ReadOnlySpan<int> dimensions) => 4 + 4 * dimensions.Length;

    private static byte[] ReadArray(Stream stream, ReadOnlySpan<int> expected, long mostBytes)
    {
        Span<byte> word = stackalloc byte[4];
        ReadHeader(stream, word);
        if (word[0] != 0 || word[1] != 0)
            throw new InvalidDataException($"it does not begin like an IDX file (magic number {Convert.ToHexString(word)}, expected 0000{UnsignedByte:X2}{expected.Length:X2}).");
        if (word[2] != UnsignedByte)
            throw new InvalidDataException($"its values are of IDX type 0x{word[2]:X2}, expected 0x{UnsignedByte:X2}, unsigned bytes.");
        if (word[3] != expected.Length)
            throw new InvalidDataException($"it has {word[3]} dimensions, expected {expected.Length} ({Text(expected)}).");

        long size = 1;
        Span<int> found = stackalloc int[expected.Length];
        for (var i = 0; i < found.Length; i++)
        {
            ReadHeader(stream, word);
            found[i] = BinaryPrimitives.ReadInt32BigEndian(word);
            if (found[i] < 1)
                throw new InvalidDataException($"dimension {i + 1} is {(uint)found[i]:N0}, expected {expected[i]:N0}.");
            if (found[i] > Array.MaxLength / size)
                throw new InvalidDataException($"its dimensions multiply to more than the {Array.MaxLength:N0} values that an array can hold.");
            size *= found[i];
        }
        if (!found.SequenceEqual(expected))
            throw new InvalidDataException($"its dimensions are {Text(found)}, expected {Text(expected)}.");
        if (size > mostBytes)
            throw new InvalidDataException($"its header promises {size:N0} values, more than the file can hold; it is truncated or damaged.");

        var values = GC.AllocateUninitializedArray<byte>((int)size);
        var read = stream.ReadAtLeast(values, values.Length, throwOnEndOfStream: false);
        if (read < values.Length)
            throw new InvalidDataException($"it is truncated: {read:N0} of {size:N0} values are there.");
        // One byte more than promised is asked for, never more; asking is also what makes gzip compare its check sum.
        if (stream.Read(word[..1]) != 0)
            throw new InvalidDataException($"there are bytes after its {size:N0} values.");
        return values;
    }

    private static void ReadHeader(Stream stream, Span<byte> word)
    {
        if (stream.ReadAtLeast(word, word.Length, throwOnEndOfStream: false) < word.Length)
            throw new InvalidDataException("it ends within the header.");
    }

    private static string Text(ReadOnlySpan<int> dimensions) => string.Join('×', dimensions.ToArray());
}
