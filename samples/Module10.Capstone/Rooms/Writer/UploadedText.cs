using System.Buffers;
using System.Text;
using Module10.Http;

namespace Module10.Rooms.Writer;

/// <summary>A text of a visitor: checked, and split into a part to learn and a part to measure with.</summary>
/// <param name="Train">The part to learn.</param>
/// <param name="Test">The last tenth.</param>
internal sealed record UploadedText(string Train, string Test)
{
    public const int MostBytes = 300_000;
    public const int LeastCharacters = 2_000;

    private const int LongestTest = 20_000;

    private static readonly SearchValues<char> _controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(c => (char)c).Where(c => c is not ('\t' or '\n' or '\f')), '\x7F']);

    /// <summary>Reads UTF-8 from a request.</summary>
    /// <exception cref="VisitorException">It is too long or too short, or no text.</exception>
    public static async Task<UploadedText> ReadAsync(Stream body, CancellationToken cancellation)
    {
        byte[] bytes = new byte[MostBytes + 1];
        int length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        if (length > MostBytes)
            throw new VisitorException(413, $"The text has more than {MostBytes:N0} bytes. Upload a part of it.");
        return Split(Decode(bytes.AsSpan(0, length)));
    }

    /// <summary>Checks that bytes are UTF-8, and text.</summary>
    /// <exception cref="VisitorException">They are not.</exception>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new VisitorException(400, $"The file is not text in UTF-8: byte {e.Index} cannot be read. Save it as UTF-8.");
        }

        text = text.TrimStart('\uFEFF').ReplaceLineEndings("\n");
        int control = text.AsSpan().IndexOfAny(_controls);
        return control < 0 ? text : throw new VisitorException(
            400, $"The file is not a text: it has the control character {(int)text[control]} at place {control}.");
    }

    /// <summary>Takes the last tenth away, at the end of a line where there is one.</summary>
    /// <exception cref="VisitorException">The text is too short.</exception>
    public static UploadedText Split(string text)
    {
        if (text.Length < LeastCharacters)
            throw new VisitorException(400, $"The text has {text.Length:N0} characters; expected at least {LeastCharacters:N0}.");
        int place = text.Length - Math.Min(text.Length / 10, LongestTest);
        int line = text.LastIndexOf('\n', place, place / 10);
        if (line > 0)
            place = line + 1;
        else if (char.IsLowSurrogate(text[place]))
            place--;
        return new UploadedText(text[..place], text[place..]);
    }
}
