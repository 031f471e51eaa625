using System.Buffers;
using System.Text;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>A token that is looked for in the text before anything else is done with it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">Whether it controls the model and is not text, such as the end of a text.</param>
/// <param name="IsNormalized">It is looked for in the normalized text, itself normalized.</param>
/// <param name="SingleWord">Not inside a word.</param>
/// <param name="StripLeft">With the whitespace before it.</param>
/// <param name="StripRight">With the whitespace after it.</param>
internal sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool IsNormalized = false, bool SingleWord = false, bool StripLeft = false,
    bool StripRight = false);

/// <summary>A part of a text: an added token, or the text between two.</summary>
internal readonly record struct TextSection(int Start, int Length, AddedToken? Token);

/// <summary>Finds added tokens in a text: the first from the left, of these the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly Dictionary<char, (string Text, AddedToken Token)[]> _byFirst;
    private readonly SearchValues<char> _firsts;

    /// <param name="tokens">The texts to look for, and their tokens.</param>
    public AddedTokenFinder(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        _byFirst = tokens.Where(t => t.Text.Length > 0)
            .GroupBy(t => t.Text[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(t => t.Text.Length).ToArray());
        _firsts = SearchValues.Create([.. _byFirst.Keys]);
    }

    /// <summary>Whether a token is recognized at a range of the text.</summary>
    public delegate bool IsToken(AddedToken token, int start, int end);

    /// <summary>Cuts the text into sections. What reads like a token that is not to be recognized is text.</summary>
    public List<TextSection> Cut(string text, IsToken isToken)
    {
        List<TextSection> sections = [];
        int done = 0;
        for (int from = 0; NextMatch(text, from, isToken) is { } match;)
        {
            var (start, content, token) = match;
            int end = start + content.Length;
            from = end;
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end))))
                continue;
            if (token.StripLeft)
                start = Math.Max(done, text.AsSpan(0, start).TrimEnd().Length);
            if (token.StripRight)
                end = text.Length - text.AsSpan(end).TrimStart().Length;
            if (start > done)
                sections.Add(new TextSection(done, start - done, null));
            sections.Add(new TextSection(start, end - start, token));
            done = end;
        }

        if (done < text.Length)
            sections.Add(new TextSection(done, text.Length - done, null));
        return sections;
    }

    private (int Start, string Text, AddedToken Token)? NextMatch(string text, int from, IsToken isToken)
    {
        while (from < text.Length && text.AsSpan(from).IndexOfAny(_firsts) is >= 0 and var distance)
        {
            int start = from + distance;
            foreach (var (content, token) in _byFirst[text[start]])
            {
                if (string.CompareOrdinal(text, start, content, 0, content.Length) == 0 && isToken(token, start, start + content.Length))
                    return (start, content, token);
            }

            from = start + 1;
        }

        return null;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool IsWord(Rune rune) => CharacterKinds.IsWord(rune);
}
