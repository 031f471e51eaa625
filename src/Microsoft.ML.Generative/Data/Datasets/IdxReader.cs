using System.Buffers.Binary;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Reads arrays of bytes in the IDX format, plain or in gzip. The file is a magic number (two zero bytes, 0x08 for unsigned
/// bytes, the number of dimensions), each dimension as a big-endian Int32, then the values, the last dimension running fastest.
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
/// </summary>
internal static class IdxReader
{
    private const byte UnsignedByte = 0x08;

    /// <summary>Reads a file whose dimensions are known beforehand.</summary>
    /// <param name="path">The file; whether it is gzip, its content decides.</param>
    /// <param name="dimensions">What the header must say.</param>
    /// <returns>The values.</returns>
    /// <exception cref="InvalidDataException">The content is not that; the message names the file and the reason.</exception>
    public static byte[] Read(string path, params ReadOnlySpan<int> dimensions)
    {
        int[] expected = [.. dimensions];
        return PackedFile.Read(
            path, HeaderSize(expected) + expected.Aggregate(1L, (size, dimension) => size * dimension),
            (content, mostBytes) => ReadArray(content, expected, mostBytes));
    }

    private static int HeaderSize(ReadOnlySpan<int> dimensions) => 4 + 4 * dimensions.Length;

    private static byte[] ReadArray(Stream stream, ReadOnlySpan<int> expected, long mostBytes)
    {
        Span<byte> word = stackalloc byte[4];
        ReadHeader(stream, word);
        if (word[0] != 0 || word[1] != 0)
        {
            throw new InvalidDataException(
                $"it does not begin like an IDX file (magic number {Convert.ToHexString(word)}, expected "
                + $"0000{UnsignedByte:X2}{expected.Length:X2}).");
        }

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
            {
                throw new InvalidDataException(
                    $"its dimensions multiply to more than the {Array.MaxLength:N0} values that an array can hold.");
            }

            size *= found[i];
        }
        if (!found.SequenceEqual(expected))
            throw new InvalidDataException($"its dimensions are {Text(found)}, expected {Text(expected)}.");
        if (size > mostBytes)
        {
            throw new InvalidDataException(
                $"its header promises {size:N0} values, more than the file can hold; it is truncated or damaged.");
        }

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
