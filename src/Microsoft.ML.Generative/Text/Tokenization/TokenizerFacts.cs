using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The vocabulary size and the special tokens of a tokenizer, as far as its type has them.</summary>
/// <param name="VocabularySize">Highest id + 1; null if the type does not report it.</param>
/// <param name="SpecialTokens">The special tokens that the type reports.</param>
internal sealed record TokenizerFacts(int? VocabularySize, SpecialTokenIds SpecialTokens)
{
    public static TokenizerFacts Of(Tokenizer tokenizer) => tokenizer switch
    {
        GenerativeTokenizer own => new(own.VocabularySize, own.SpecialTokens),
        BpeTokenizer bpe => new(
            Size(bpe.Vocabulary, bpe.SpecialTokens),
            new SpecialTokenIds(Bos: IdOf(bpe, bpe.BeginningOfSentenceToken), Unk: IdOf(bpe, bpe.UnknownToken))),
        CodeGenTokenizer codeGen => new(
            Size(codeGen.Vocabulary, codeGen.SpecialTokens),
            new SpecialTokenIds(codeGen.BeginningOfSentenceId, codeGen.EndOfSentenceId, codeGen.UnknownTokenId)),
        SentencePieceTokenizer pieces => new(
            Size(pieces.Vocabulary, pieces.SpecialTokens),
            new SpecialTokenIds(Taken(pieces.BeginningOfSentenceId), Taken(pieces.EndOfSentenceId), Taken(pieces.UnknownId))),
        EnglishRobertaTokenizer roberta => new(Size(roberta.Vocabulary, null), new SpecialTokenIds(Pad: Taken(roberta.PadIndex))),
        _ => new(null, SpecialTokenIds.None),
    };

    private static int? IdOf(BpeTokenizer bpe, string? token) =>
        token is null ? null
        : bpe.SpecialTokens?.TryGetValue(token, out int special) == true ? special
        : bpe.Vocabulary.TryGetValue(token, out int id) ? id
        : null;

    private static int? Taken(int id) => id >= 0 ? id : null;

    private static int Size(IReadOnlyDictionary<string, int> vocabulary, IReadOnlyDictionary<string, int>? special) =>
        vocabulary.Values.Concat(special?.Values ?? []).DefaultIfEmpty(-1).Max() + 1;
}
