namespace Microsoft.ML.Generative.Serialization;

/// <summary>Reads a stream to its end, if that comes soon enough.</summary>
internal static class BoundedRead
{
    private const int PieceBytes = 1 << 14;

    /// <param name="stream">The stream, which need not know its length.</param>
    /// <param name="source">The file as the error message names it.</param>
    /// <param name="maxBytes">The most that it may hold.</param>
    /// <exception cref="InvalidDataException">It holds more.</exception>
    public static byte[] All(Stream stream, string source, int maxBytes)
    {
        var bytes = new MemoryStream();
        byte[] piece = new byte[PieceBytes];
        while (stream.Read(piece) is > 0 and int count)
        {
            if (bytes.Length + count > maxBytes)
                throw new InvalidDataException($"'{source}' is longer than the {maxBytes} bytes that are allowed.");
            bytes.Write(piece, 0, count);
        }

        return bytes.ToArray();
    }
}
