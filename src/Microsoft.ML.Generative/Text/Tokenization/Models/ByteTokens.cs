using System.Globalization;

namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>SentencePiece's tokens of single bytes, &lt;0x00&gt; to &lt;0xFF&gt;.</summary>
internal static class ByteTokens
{
    public static string TokenOf(byte value) => $"<0x{value:X2}>";

    /// <summary>Their ids in the order of the bytes; null unless all are there.</summary>
    public static int[]? Find(TokenVocabulary vocabulary)
    {
        int?[] ids = [.. Enumerable.Range(0, 256).Select(value => vocabulary.IdOf(TokenOf((byte)value)))];
        return ids.Contains(null) ? null : [.. ids.Select(id => id!.Value)];
    }

    public static bool TryGetByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
