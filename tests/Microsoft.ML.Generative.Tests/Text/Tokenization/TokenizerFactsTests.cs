using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class TokenizerFactsTests
{
    [Fact]
    public void A_tokenizer_of_Microsoft_ML_Tokenizers_tells_its_size_and_special_tokens()
    {
        var bpe = BpeTokenizer.Create(new BpeOptions(new Dictionary<string, int> { ["a"] = 0, ["<s>"] = 1, ["?"] = 2 })
        {
            SpecialTokens = new Dictionary<string, int> { ["<e>"] = 7 },
            BeginningOfSentenceToken = "<s>",
            UnknownToken = "?",
        });

        TokenizerFacts facts = TokenizerFacts.Of(bpe);
        Assert.Equal((8, new SpecialTokenIds(Bos: 1, Unk: 2)), (facts.VocabularySize, facts.SpecialTokens));
    }

    [DataFileFact("llama-tokenizer/tokenizer.model")]
    public void One_of_SentencePiece_tells_the_same_there_and_here()
    {
        string path = DataFile.Find("llama-tokenizer/tokenizer.model")!;
        using FileStream file = File.OpenRead(path);

        Assert.Equal(TokenizerFacts.Of(GenerativeTokenizers.FromFile(path)), TokenizerFacts.Of(SentencePieceTokenizer.Create(file)));
    }

    [Fact]
    public void One_of_another_type_tells_nothing() =>
        Assert.Equal(new TokenizerFacts(null, SpecialTokenIds.None), TokenizerFacts.Of(new ForeignTokenizer()));
}
