using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>Span corruption as the code of Raffel et al. 2020 does it.</summary>
/// <param name="density">The part of the tokens that is replaced.</param>
/// <param name="meanSpanLength">Tokens of a span on average.</param>
internal sealed class SpanCorruption(double density, double meanSpanLength)
{
    /// <summary>
    /// The tokens that make a source of a length, with its sentinels and the token that ends it, and the length of their target.
    /// </summary>
    public (int Tokens, int Targets) LengthsFor(int sourceLength)
    {
        // So many always fit: there are no more sentinels than tokens that they replace.
        int tokens = sourceLength - 1;
        while (Lengths(tokens + 1).Source <= sourceLength)
            tokens++;
        int targets = Lengths(tokens).Target;
        // The paper's code: with half of the tokens, sources and targets are to have the same length.
        return density == 0.5 && targets > sourceLength ? (tokens - 1, targets - 1) : (tokens, targets);
    }

    /// <summary>The spans of a sequence of tokens, so that no source needs more sentinels.</summary>
    public int SpansIn(int tokens)
    {
        int noise = Math.Clamp(Round(Math.Max(tokens, 2) * density), 1, Math.Max(tokens, 2) - 1);
        return Math.Max(1, Round(noise / meanSpanLength));
    }

    /// <summary>Chooses the tokens that are replaced: spans of random lengths at random distances, of which the first is kept.</summary>
    /// <param name="length">Tokens.</param>
    /// <param name="seed">What the choice depends on.</param>
    public bool[] Mask(int length, long seed)
    {
        int all = Math.Max(length, 2), noise = Math.Clamp(Round(all * density), 1, all - 1);
        // There are no more spans than tokens of either kind.
        int spans = Math.Min(SpansIn(length), all - noise);
        var random = new Random(unchecked((int)SeedSequence.Derive(seed, 0)));
        int[] kept = Segments(all - noise, spans, random), replaced = Segments(noise, spans, random);
        var mask = new List<bool>(all);
        for (int i = 0; i < spans; i++)
        {
            mask.AddRange(Enumerable.Repeat(false, kept[i]));
            mask.AddRange(Enumerable.Repeat(true, replaced[i]));
        }

        return [.. mask.Take(length)];
    }

    /// <summary>Replaces each span that a mask chooses by a sentinel of its own, the first by the first.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="isReplaced">Which are replaced; for the target, those that are not.</param>
    /// <param name="sentinel">The n-th sentinel.</param>
    public static int[] Replace(ReadOnlySpan<int> tokens, ReadOnlySpan<bool> isReplaced, Func<int, int> sentinel)
    {
        var result = new List<int>(tokens.Length);
        int spans = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (!isReplaced[i])
                result.Add(tokens[i]);
            else if (i == 0 || !isReplaced[i - 1])
                result.Add(sentinel(spans++));
        }

        return [.. result];
    }

    private (int Source, int Target) Lengths(int tokens)
    {
        int noise = Round(tokens * density), spans = Round(noise / meanSpanLength);
        return (tokens - noise + spans + 1, noise + spans + 1);
    }

    // Lengths of at least 1 whose sum is that of the items, each division as probable as any other.
    private static int[] Segments(int items, int segments, Random random)
    {
        bool[] isFirst = [.. Enumerable.Range(0, items - 1).Select(i => i < segments - 1)];
        random.Shuffle(isFirst);
        var lengths = new List<int> { 1 };
        foreach (bool first in isFirst)
        {
            if (first)
                lengths.Add(1);
            else
                lengths[^1]++;
        }

        return [.. lengths];
    }

    // To the even number where two are as near, as Python does.
    private static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);
}
