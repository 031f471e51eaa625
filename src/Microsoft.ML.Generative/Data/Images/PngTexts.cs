using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.Generative.Data.Images;

/// <summary>Texts in PNG files: iTXt chunks, in UTF-8 and not compressed (ISO/IEC 15948, 11.3.4).</summary>
internal static class PngTexts
{
    private const int LengthSize = 4;
    private const int TypeSize = 4;
    private const int CrcSize = 4;
    private const int HeaderLength = 13;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    private static ReadOnlySpan<byte> TextType => "iTXt"u8;

    private static ReadOnlySpan<byte> EndType => "IEND"u8;

    /// <summary>Puts texts behind the header of a file, as metadata that readers meet first.</summary>
    /// <param name="png">A valid file.</param>
    /// <param name="texts">Keywords of 1 to 79 characters of Latin-1, and their texts.</param>
    public static byte[] Add(byte[] png, IEnumerable<(string Key, string Text)> texts)
    {
        int header = Signature.Length + LengthSize + TypeSize + HeaderLength + CrcSize;
        using var stream = new MemoryStream(png.Length + 1024);
        stream.Write(png, 0, header);
        foreach ((string key, string text) in texts)
        {
            // No compression, its method, no language and no translated keyword. No text holds the character that separates them.
            byte[] data = [.. Encoding.Latin1.GetBytes(key), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(text.Replace("\0", ""))];
            WriteChunk(stream, data);
        }

        stream.Write(png, header, png.Length - header);
        return stream.ToArray();
    }

    /// <summary>Reads the texts of a file; of those with the same keyword, the first.</summary>
    /// <exception cref="InvalidDataException">It is no PNG file, or damaged.</exception>
    public static IReadOnlyDictionary<string, string> Read(ReadOnlySpan<byte> png, string path)
    {
        if (!png.StartsWith(Signature))
            throw new InvalidDataException($"'{path}' is not a PNG file.");
        Dictionary<string, string> texts = new(StringComparer.Ordinal);
        ReadOnlySpan<byte> rest = png[Signature.Length..];
        while (true)
        {
            uint length = rest.Length < LengthSize + TypeSize + CrcSize ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - (LengthSize + TypeSize + CrcSize))
                throw new InvalidDataException($"'{path}' is damaged: it ends within a chunk.");
            ReadOnlySpan<byte> typeAndData = rest.Slice(LengthSize, TypeSize + (int)length), data = typeAndData[TypeSize..];
            uint crc = BinaryPrimitives.ReadUInt32BigEndian(rest[(LengthSize + typeAndData.Length)..]);
            if (typeAndData.StartsWith(EndType))
                return texts;
            if (typeAndData.StartsWith(TextType))
            {
                if (crc != Crc(typeAndData))
                    throw new InvalidDataException($"'{path}' is damaged: the checksum of a text is wrong.");
                if (TryReadText(data, out string key, out string text))
                    texts.TryAdd(key, text);
            }

            rest = rest[(LengthSize + typeAndData.Length + CrcSize)..];
        }
    }

    /// <summary>The checksum of a chunk's type and data (CRC-32).</summary>
    internal static uint Crc(ReadOnlySpan<byte> bytes)
    {
        const uint polynomial = 0xEDB88320;
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : crc >> 1 ^ polynomial;
        }

        return ~crc;
    }

    private static void WriteChunk(MemoryStream stream, byte[] data)
    {
        byte[] typeAndData = [.. TextType, .. data];
        Span<byte> number = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(typeAndData);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(typeAndData));
        stream.Write(number);
    }

    // Keyword, 0, compression, method, language, 0, translated keyword, 0, text. Compressed texts are others' and left out.
    private static bool TryReadText(ReadOnlySpan<byte> data, out string key, out string text)
    {
        (key, text) = ("", "");
        int keyEnd = data.IndexOf((byte)0);
        if (keyEnd < 1 || data.Length < keyEnd + 3 || data[keyEnd + 1] != 0)
            return false;
        ReadOnlySpan<byte> rest = data[(keyEnd + 3)..];
        for (int skipped = 0; skipped < 2; skipped++)
        {
            int end = rest.IndexOf((byte)0);
            if (end < 0)
                return false;
            rest = rest[(end + 1)..];
        }

        (key, text) = (Encoding.Latin1.GetString(data[..keyEnd]), Encoding.UTF8.GetString(rest));
        return true;
    }
}
