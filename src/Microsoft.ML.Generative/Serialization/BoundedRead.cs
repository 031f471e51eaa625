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
            Append(bytes, piece, count, source, maxBytes);
        return bytes.ToArray();
    }

    /// <param name="stream">The stream, which need not know its length.</param>
    /// <param name="source">The file as the error message names it.</param>
    /// <param name="maxBytes">The most that it may hold.</param>
    /// <param name="arrived">Called after each piece.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="InvalidDataException">It holds more.</exception>
    public static async Task<byte[]> AllAsync(
        Stream stream, string source, int maxBytes, Action arrived, CancellationToken cancellationToken)
    {
        var bytes = new MemoryStream();
        byte[] piece = new byte[PieceBytes];
        while (await stream.ReadAsync(piece, cancellationToken).ConfigureAwait(false) is > 0 and int count)
        {
            arrived();
            Append(bytes, piece, count, source, maxBytes);
        }

        return bytes.ToArray();
    }

    private static void Append(MemoryStream bytes, byte[] piece, int count, string source, int maxBytes)
    {
        if (bytes.Length + count > maxBytes)
            throw new InvalidDataException($"'{source}' is longer than the {maxBytes} bytes that are allowed.");
        bytes.Write(piece, 0, count);
    }
}
