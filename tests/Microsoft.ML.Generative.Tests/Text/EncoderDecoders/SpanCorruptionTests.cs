using Microsoft.ML.Generative.Text.EncoderDecoders;

namespace Microsoft.ML.Generative.Tests;

public sealed class SpanCorruptionTests
{
    // Of the tests of text-to-text-transfer-transformer.
    [Theory]
    [InlineData(64, 0.2, 2, 70, 22)]
    [InlineData(64, 0.2, 1, 63, 27)]
    public void Lengths_are_the_published_ones(int source, double density, double meanSpan, int tokens, int targets) =>
        Assert.Equal((tokens, targets), new SpanCorruption(density, meanSpan).LengthsFor(source));

    // The same tests: noise spans to unique sentinels, and what is not noise.
    [Fact]
    public void Spans_become_sentinels_of_their_own()
    {
        int[] tokens = [10, 11, 12, 13, 14, 15];
        bool[] mask = [true, true, false, false, true, false];

        Assert.Equal([999, 12, 13, 998, 15], SpanCorruption.Replace(tokens, mask, n => 999 - n));
        Assert.Equal(
            [10, 11, 999, 14, 998], SpanCorruption.Replace(tokens, Array.ConvertAll(mask, m => !m), n => 999 - n));
    }

    [Theory]
    [InlineData(70, 0.2, 2, 14, 7)]
    [InlineData(100, 0.15, 3, 15, 5)]
    [InlineData(2, 0.15, 3, 1, 1)]
    [InlineData(10, 0.9, 1, 9, 1)]
    public void A_mask_replaces_as_many_tokens_and_spans_as_asked_for(int length, double density, double meanSpan, int replaced, int spans)
    {
        var corruption = new SpanCorruption(density, meanSpan);
        var masks = new HashSet<string>();
        for (int seed = 0; seed < 20; seed++)
        {
            bool[] mask = corruption.Mask(length, seed);
            Assert.Equal(length, mask.Length);
            Assert.Equal(replaced, mask.Count(m => m));
            Assert.Equal(spans, mask.Where((m, i) => m && (i == 0 || !mask[i - 1])).Count());
            Assert.False(mask[0]);
            Assert.True(mask[^1]);
            Assert.Equal(mask, corruption.Mask(length, seed));
            masks.Add(string.Concat(mask.Select(m => m ? '1' : '0')));
        }

        Assert.True(length < 20 || masks.Count > 15);
    }
}
