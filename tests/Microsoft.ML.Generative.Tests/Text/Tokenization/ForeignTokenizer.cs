using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A tokenizer of a user's own: its tokens are UTF-8 bytes, the first of which is dropped where it is a space.</summary>
internal sealed class ForeignTokenizer : Tokenizer
{
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        new()
        {
            Tokens = [.. Encoding.UTF8.GetBytes(text ?? textSpan.ToString())
                .Select(value => new EncodedToken(value, value.ToString(provider: null), default))],
        };

    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        byte[] bytes = [.. ids.Select(id => (byte)id)];
        string text = Encoding.UTF8.GetString(bytes);
        text = text.StartsWith(' ') ? text[1..] : text;
        idsConsumed = charsWritten = 0;
        if (!text.TryCopyTo(destination))
            return OperationStatus.DestinationTooSmall;
        (idsConsumed, charsWritten) = (bytes.Length, text.Length);
        return OperationStatus.Done;
    }
}
