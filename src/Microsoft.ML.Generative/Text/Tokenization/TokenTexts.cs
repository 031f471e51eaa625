using System.Numerics.Tensors;
using Microsoft.ML.Generative.Text.Tokenization.Decoding;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The bytes that a tokenizer's tokens add to a text; special tokens add none.</summary>
internal sealed class TokenTexts
{
    // 0 for tokens that are plain, −∞ for others; and characters of those that are.
    private readonly float[] _plainMask;
    private readonly int[] _plainCharacters;
    private readonly int _longestPlain;

    /// <param name="decoder">The decoder of the tokens.</param>
    /// <param name="vocabularySize">Ids are below this.</param>
    /// <param name="isFirst">Whether the tokens begin a text.</param>
    /// <exception cref="NotSupportedException">The tokenizer changes the text's beginning by more than whitespace.</exception>
    public TokenTexts(TokenDecoder decoder, int vocabularySize, bool isFirst)
    {
        if (isFirst && decoder.StripStart is { Count: > 0, Character: not (' ' or '\n' or '\r' or '\t') })
            throw new NotSupportedException(
                $"The tokenizer takes '{decoder.StripStart.Character}' from a text's beginning, so that the text would not be the JSON "
                + "that was written.");
        All = new TokenTable(
            [.. Enumerable.Range(0, vocabularySize).Select(id => decoder.IsSpecial(id) ? [] : decoder.BytesOf(id, isFirst))]);
        Others = All.Where(bytes => PlainCharacters(bytes) == 0);
        _plainCharacters = [.. Enumerable.Range(0, vocabularySize).Select(id => PlainCharacters(All.BytesOf(id)))];
        _plainMask = Array.ConvertAll(_plainCharacters, count => count > 0 ? 0 : float.NegativeInfinity);
        _longestPlain = _plainCharacters.DefaultIfEmpty(0).Max();
    }

    public TokenTable All { get; }

    /// <summary>Those that are not plain: whole characters without quotation mark, backslash and control characters.</summary>
    public TokenTable Others { get; }

    /// <summary>Keeps the logits of plain tokens up to a number of characters, with −∞ for other tokens.</summary>
    /// <returns>The highest that is kept.</returns>
    public float KeepPlain(ReadOnlySpan<float> logits, int characters, Span<float> kept)
    {
        TensorPrimitives.Add(logits, _plainMask, kept);
        for (int id = 0; characters < _longestPlain && id < kept.Length; id++)
        {
            if (_plainCharacters[id] > characters)
                kept[id] = float.NegativeInfinity;
        }

        return TensorPrimitives.Max<float>(kept);
    }

    // 0 for a token that is not plain.
    private static int PlainCharacters(ReadOnlySpan<byte> bytes)
    {
        byte state = 0;
        int count = 0;
        foreach (byte value in bytes)
        {
            if (value is (byte)'"' or (byte)'\\' or < 0x20)
                return 0;
            state = Utf8State.Next(state, value);
            if (state == Utf8State.Invalid)
                return 0;
            count += state == 0 ? 1 : 0;
        }

        return state == 0 ? count : 0;
    }
}
