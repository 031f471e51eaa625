using System.Buffers;
using System.Collections.Frozen;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>
/// The added tokens that control a model, whatever the file says of them: files mark some of them as ordinary (<c>special: false</c>).
/// Where a user types what reads like one, it is text.
/// </summary>
internal static class TokenMarks
{
    private const int Shortest = 3;

    private static readonly SearchValues<char> _markup = SearchValues.Create("<>[]{}|");

    /// <param name="added">The tokens.</param>
    /// <param name="config">Names of special tokens, and templates.</param>
    public static FrozenSet<int> Find(IEnumerable<AddedToken> added, TokenizerConfig config)
    {
        string?[] named =
        [
            config.BosToken, config.EosToken, config.UnkToken, config.PadToken, config.MaskToken, .. config.AdditionalSpecialTokens,
        ];
        return added.Where(token => token.IsSpecial || named.Contains(token.Content)
                || (token.Content.StartsWith("<|", StringComparison.Ordinal) && token.Content.EndsWith("|>", StringComparison.Ordinal))
                || config.ChatTemplates.Values.Any(template => IsIn(token, template)))
            .Select(token => token.Id).ToFrozenSet();
    }

    /// <summary>Whether a template's source has the token, which is no ordinary text.</summary>
    public static bool IsIn(AddedToken token, string template) =>
        LooksLikeOne(token) && template.Contains(token.Content, StringComparison.Ordinal);

    /// <summary>Whether the token reads like markup, not like words, line breaks or runs of spaces.</summary>
    public static bool LooksLikeOne(AddedToken token) =>
        token.IsSpecial || (token.Content.Length >= Shortest && token.Content.AsSpan().IndexOfAny(_markup) >= 0);
}
