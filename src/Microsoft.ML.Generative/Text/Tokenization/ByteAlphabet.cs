namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>
/// GPT-2's names for bytes, one printable character each: itself for the printable ones of Latin-1, U+0100 and up for the
/// others in their order (a space is Ġ). Radford et al., "Language models are unsupervised multitask learners", 2019.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] _characters = Create();
    private static readonly short[] _bytes = Invert(_characters);

    public static char CharacterOf(byte value) => _characters[value];

    public static bool TryGetByte(char character, out byte value)
    {
        short found = character < _bytes.Length ? _bytes[character] : (short)-1;
        value = (byte)found;
        return found >= 0;
    }

    /// <summary>The bytes of a token; null if one of its characters is not in the alphabet.</summary>
    public static byte[]? BytesOf(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (!TryGetByte(token[i], out bytes[i]))
                return null;
        }

        return bytes;
    }

    public static string TokenOf(ReadOnlySpan<byte> bytes)
    {
        Span<char> token = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
            token[i] = _characters[bytes[i]];
        return token.ToString();
    }

    private static char[] Create()
    {
        var characters = new char[256];
        char next = '\u0100';
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = printable ? (char)value : next++;
        }

        return characters;
    }

    private static short[] Invert(char[] characters)
    {
        var bytes = new short[characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (short value = 0; value < characters.Length; value++)
            bytes[characters[value]] = value;
        return bytes;
    }
}
