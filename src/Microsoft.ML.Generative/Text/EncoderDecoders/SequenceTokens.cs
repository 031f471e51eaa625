using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>The tokens of an encoder–decoder that stand for no text. Where the tokenizer lacks them, their ids follow its own.</summary>
/// <param name="Start">Begins outputs: the padding where the tokenizer has one, as in T5.</param>
/// <param name="Sentinel">The n-th sentinel of span corruption, of 100 at most.</param>
/// <param name="VocabularySize">All ids are below this.</param>
internal sealed record SequenceTokens(int Start, Func<int, int> Sentinel, int VocabularySize)
{
    /// <summary>Sentinels, as T5 has them.</summary>
    public const int MostSentinels = 100;

    public static SequenceTokens Of(TextCodec codec)
    {
        int own = codec.VocabularySize, next = codec.Special.Pad is null ? own + 1 : own;
        int start = codec.Special.Pad ?? own;
        // The first has the highest id.
        return codec.IdOf(Name(0)) is null
            ? new SequenceTokens(start, n => next + MostSentinels - 1 - n, next + MostSentinels)
            : new SequenceTokens(start, n => codec.IdOf(Name(n)) ?? throw Missing(n), next);

        static string Name(int n) => $"<extra_id_{n}>";

        static ArgumentException Missing(int n) => new($"The tokenizer has sentinels, but no {Name(n)}.");
    }
}
