namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>
/// Where a text without a pre-tokenizer can be cut without changing its tokens: before a space (in SentencePiece's shape or
/// plain) that follows something else, if no token has a space after something else. Cut there, words can be remembered.
/// </summary>
internal static class WordBoundary
{
    /// <summary>The character before which may be cut; null if there is none.</summary>
    public static char? Find(TokenVocabulary vocabulary)
    {
        foreach (char space in (ReadOnlySpan<char>)['\u2581', ' '])
        {
            if (vocabulary.TryGetId([space], out _) && !vocabulary.Tokens.Any(token => HasBoundary(token.Key, space)))
                return space;
        }

        return null;
    }

    /// <summary>The length of the text up to its first boundary.</summary>
    public static int Length(ReadOnlySpan<char> text, char space)
    {
        int word = text.IndexOfAnyExcept(space);
        if (word < 0)
            return text.Length;
        int next = text[word..].IndexOf(space);
        return next < 0 ? text.Length : word + next;
    }

    private static bool HasBoundary(string token, char space) => Length(token, space) < token.Length;
}
