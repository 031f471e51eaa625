using System.Text;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Decoding;

/// <summary>One step from a token to the text that it adds.</summary>
internal abstract class TokenTextStep
{
    /// <param name="token">The token, as the steps before left it.</param>
    /// <param name="first">Whether it is the first of its text.</param>
    public abstract string Apply(string token, bool first);
}

internal sealed class ReplaceStep(string old, string replacement) : TokenTextStep
{
    public override string Apply(string token, bool first) => token.Replace(old, replacement, StringComparison.Ordinal);
}

/// <summary>SentencePiece's spaces; those of the first token are not part of the text if a space was put before the text.</summary>
internal sealed class MetaspaceStep(char replacement, PrependScheme prepend) : TokenTextStep
{
    public override string Apply(string token, bool first) => first && prepend != PrependScheme.Never
        ? token.Replace(replacement.ToString(), "", StringComparison.Ordinal)
        : token.Replace(replacement, ' ');
}

/// <summary>Removes up to a number of a character at a token's ends.</summary>
internal sealed class StripStep(char character, int start, int end) : TokenTextStep
{
    public override string Apply(string token, bool first)
    {
        int from = 0;
        while (from < start && from < token.Length && token[from] == character)
            from++;
        int to = token.Length;
        while (token.Length - to < end && to > from && token[to - 1] == character)
            to--;
        return token[from..to];
    }
}

/// <summary>Tokens are words with a space before them, except for those that continue a word.</summary>
internal sealed class WordPieceStep(string continuationPrefix, bool cleanUp) : TokenTextStep
{
    private static readonly (string From, string To)[] _cleanUps =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    public override string Apply(string token, bool first)
    {
        string text = first ? token
            : token.StartsWith(continuationPrefix, StringComparison.Ordinal) ? token[continuationPrefix.Length..]
            : " " + token;
        if (!cleanUp)
            return text;

        var builder = new StringBuilder(text);
        foreach (var (from, to) in _cleanUps)
            builder.Replace(from, to);
        return builder.ToString();
    }
}

/// <summary>A space between tokens: what Hugging Face's tokenizers do that have no decoder.</summary>
internal sealed class SpaceBetweenStep : TokenTextStep
{
    public override string Apply(string token, bool first) => first ? token : " " + token;
}
