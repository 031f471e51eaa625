using System.Buffers.Binary;
using System.IO.Compression;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>Reads files of known content length that may be in gzip form; whether one is, its content decides.</summary>
internal static class PackedFile
{
    // Deflate cannot do better: 258 bytes for two bits. A header that promises more than that is not worth allocating for.
    private const long MostBytesPerDeflatedByte = 1032;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="contentLength">Bytes that its content must have.</param>
    /// <param name="read">Reads the content and checks that nothing follows it; receives the most bytes that the file can hold.</param>
    /// <exception cref="InvalidDataException">The content is not what it must be; the message names the file and the reason.</exception>
    public static T Read<T>(string path, long contentLength, Func<Stream, long, T> read)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        try
        {
            if (!StartsWithGzip(file))
                return read(file, file.Length);

            using GZipStream unzipped = new(file, CompressionMode.Decompress);
            // Bounded before the product: a file's length times the ratio may not fit.
            var result = read(unzipped, Math.Min(file.Length, long.MaxValue / MostBytesPerDeflatedByte) * MostBytesPerDeflatedByte);
            CheckEnding(file, contentLength);
            return result;
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
}
