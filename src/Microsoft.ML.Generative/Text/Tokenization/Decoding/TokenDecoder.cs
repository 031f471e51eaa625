using System.Text;
using Microsoft.ML.Generative.Text.Tokenization.Models;

namespace Microsoft.ML.Generative.Text.Tokenization.Decoding;

/// <summary>Turns tokens into text, as the decoder of a tokenizer.json does, without looking ahead.</summary>
internal sealed record DecoderSettings
{
    public IReadOnlyList<TokenTextStep> Steps { get; init; } = [];

    /// <summary>Tokens are bytes under the names of <see cref="ByteAlphabet"/>.</summary>
    public bool ByteLevel { get; init; }

    /// <summary>&lt;0x41&gt; is a byte.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Removes up to a number of a character where the text begins.</summary>
    public (char Character, int Count) StripStart { get; init; }
}

/// <summary>The UTF-8 bytes that each token adds to a text. May be used from several threads.</summary>
internal sealed class TokenDecoder(DecoderSettings settings, Func<int, (string Token, bool IsAdded, bool IsSpecial)?> find, int size)
{
    private readonly byte[]?[] _later = new byte[]?[size];

    public (char Character, int Count) StripStart => settings.StripStart;

    /// <summary>The text that the token adds; empty for unused ids.</summary>
    public byte[] BytesOf(int id, bool first)
    {
        if ((uint)id >= (uint)_later.Length)
            return [];
        return first ? Make(id, first) : _later[id] ??= Make(id, first);
    }

    public bool IsSpecial(int id) => find(id) is { IsSpecial: true };

    private byte[] Make(int id, bool first)
    {
        if (find(id) is not { } found)
            return [];
        if (settings.ByteFallback && !found.IsAdded && ByteTokens.TryGetByte(found.Token, out byte value))
            return [value];
        if (settings.ByteLevel && !found.IsAdded && ByteAlphabet.BytesOf(found.Token) is { } bytes)
            return bytes;

        string text = found.Token;
        foreach (TokenTextStep step in settings.Steps)
            text = TextGrowth.Check(step.Apply(text, first), found.Token.Length);
        return Encoding.UTF8.GetBytes(text);
    }
}
