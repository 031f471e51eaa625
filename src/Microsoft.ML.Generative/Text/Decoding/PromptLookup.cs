using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <inheritdoc cref="SpeculativeDecoding.PromptLookup"/>
internal sealed class PromptLookup : SpeculativeDecoding, IDraft
{
    private readonly int _longestMatch;

    public PromptLookup(int tokens, int longestMatch)
        : base(tokens)
    {
        OptionChecks.Between(longestMatch, 1, MostTokens, nameof(longestMatch));
        _longestMatch = longestMatch;
    }

    // It remembers nothing, so that all texts share it.
    internal override IDraft Open(TextGenerationOptions options, long seed) => this;

    internal override void Check(TextCodec codec)
    {
    }

    public void Propose(IReadOnlyList<int> tokens, int generated, int count, List<int> drafts)
    {
        for (int length = Math.Min(_longestMatch, tokens.Count - 1); length > 0; length--)
        {
            for (int end = tokens.Count - 1; end >= length; end--)
            {
                if (!IsEqual(tokens, end, length))
                    continue;
                for (int i = end; i < tokens.Count && drafts.Count < count; i++)
                    drafts.Add(tokens[i]);
                return;
            }
        }
    }

    public void Dispose()
    {
    }

    // Whether the tokens before a place are the last of all.
    private static bool IsEqual(IReadOnlyList<int> tokens, int end, int length)
    {
        for (int i = 1; i <= length; i++)
        {
            if (tokens[end - i] != tokens[^i])
                return false;
        }

        return true;
    }
}
