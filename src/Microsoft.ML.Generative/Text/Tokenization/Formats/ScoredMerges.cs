using Microsoft.ML.Generative.Text.Tokenization.Models;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// The merges that a vocabulary with scores stands for: any two tokens that together are a token, the one with the highest score
/// first. So SentencePiece's and llama2.c's files; in tiktoken's, the score is the rank, negative.
/// </summary>
internal static class ScoredMerges
{
    private const int LongestToken = 1024;

    /// <summary>Merges in the order of their ranks; those whose tokens have the same score have the same rank.</summary>
    /// <param name="pieces">Tokens, their scores, and whether they come from merges and go into them.</param>
    /// <exception cref="InvalidDataException">A token is so long that looking for its merges takes forever.</exception>
    public static List<TokenMerge> Of(IEnumerable<(string Token, float Score, bool CanMerge)> pieces)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        List<(string Token, float Score)> tokens = [];
        foreach (var (token, score, canMerge) in pieces)
        {
            if (token.Length > LongestToken)
                throw new InvalidDataException($"A token has {token.Length} characters; at most {LongestToken} are allowed.");
            if (canMerge && known.Add(token))
                tokens.Add((token, score));
        }

        var lookup = known.GetAlternateLookup<ReadOnlySpan<char>>();
        List<TokenMerge> merges = [];
        int rank = -1;
        float? last = null;
        // Stable: equal scores keep the order of the ids.
        foreach (var (token, score) in tokens.OrderByDescending(token => token.Score))
        {
            if (score != last)
                rank++;
            last = score;
            for (int cut = 1; cut < token.Length; cut++)
            {
                if (!char.IsLowSurrogate(token[cut]) && lookup.Contains(token.AsSpan(0, cut)) && lookup.Contains(token.AsSpan(cut)))
                    merges.Add(new TokenMerge(token[..cut], token[cut..], rank));
            }
        }

        return merges;
    }
}
