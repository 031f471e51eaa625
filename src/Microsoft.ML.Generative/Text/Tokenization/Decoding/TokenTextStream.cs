using System.Buffers;
using System.Text;

namespace Microsoft.ML.Generative.Text.Tokenization.Decoding;

/// <summary>
/// The text of tokens, one after the other. A character whose bytes are in several tokens comes with the last of them; bytes
/// that are no UTF-8 become U+FFFD, as in .NET's decoding of all of them at once.
/// </summary>
internal sealed class TokenTextStream(TokenDecoder decoder, bool skipSpecialTokens, IReadOnlyList<int>? shown = null)
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly ArrayBufferWriter<char> _output = new();
    private int _toStrip = decoder.StripStart.Count;
    private bool _first = true;

    /// <summary>Whether it is certain that nothing is held back.</summary>
    public bool IsComplete { get; private set; } = true;

    /// <summary>The text that <see cref="Take"/> will return.</summary>
    public int Length => _output.WrittenCount;

    public void Append(int id)
    {
        if (skipSpecialTokens && decoder.IsSpecial(id) && shown?.Contains(id) != true)
            return;
        Write(decoder.BytesOf(id, _first), flush: false);
        _first = false;
    }

    /// <summary>Ends the text; half a character becomes U+FFFD.</summary>
    public void Flush() => Write([], flush: true);

    /// <summary>The text since the last call.</summary>
    public string Take()
    {
        string text = _output.WrittenSpan.ToString();
        _output.ResetWrittenCount();
        return text;
    }

    private void Write(ReadOnlySpan<byte> bytes, bool flush)
    {
        Span<char> characters = _output.GetSpan(Math.Max(1, Encoding.UTF8.GetMaxCharCount(bytes.Length)));
        _utf8.Convert(bytes, characters, flush, out _, out int count, out _);
        if (flush)
            IsComplete = true;
        else if (!bytes.IsEmpty)
            IsComplete = Rune.DecodeLastFromUtf8(bytes, out _, out _) == OperationStatus.Done;

        int from = 0;
        for (; _toStrip > 0 && from < count; from++, _toStrip--)
        {
            if (characters[from] == decoder.StripStart.Character)
                continue;
            _toStrip = 0;
            break;
        }

        characters[from..count].CopyTo(characters);
        _output.Advance(count - from);
    }
}
