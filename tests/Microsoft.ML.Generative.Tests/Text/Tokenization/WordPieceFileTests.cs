using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class WordPieceFileTests
{
    private const string Vocabulary = "bert-base-uncased/vocab.txt";

    [DataFileFact(Vocabulary)]
    public void Ids_are_those_of_BERT()
    {
        GenerativeTokenizer bert = GenerativeTokenizers.FromFile(DataFile.Find(Vocabulary)!);

        Assert.Equal([101, 7592, 1010, 2129, 2024, 2017, 1029, 102], bert.EncodeToIds("Hello, how are you?"));
        // From the article on BERT's tokens: em ##bed ##ding ##s.
        Assert.Equal(["em", "##bed", "##ding", "##s"], bert.EncodeFragment("embeddings").Select(bert.TokenOf));
        Assert.Equal(bert.EncodeToIds("cafe"), bert.EncodeToIds("CAFÉ"));
        Assert.Equal([100], bert.EncodeFragment(new string('a', 101)));
        Assert.Equal(new SpecialTokenIds(Bos: 101, Eos: 102, Unk: 100, Pad: 0), bert.SpecialTokens);
    }

    // Ids by Hugging Face's tokenizers: characters that Unicode has not assigned belong to words, controls and private ones do not.
    [DataFileFact(Vocabulary)]
    public void Unassigned_characters_are_unknown_and_not_dropped()
    {
        GenerativeTokenizer bert = GenerativeTokenizers.FromFile(DataFile.Find(Vocabulary)!);
        foreach ((string text, int[] ids) in ((string, int[])[])[
            ("a\u0378b", [100]), ("\u0378", [100]), ("\U00050000 x", [100, 1060]), ("x \u0380\u0301 y", [1060, 100, 1061]),
            ("a\uE000b", [11113]), ("a\u00ADb", [11113]), ("\u200Bb", [1038])])
            Assert.Equal(ids, bert.EncodeFragment(text));
    }

    [DataFileFact(Vocabulary)]
    public void Words_are_put_together_again()
    {
        GenerativeTokenizer bert = GenerativeTokenizers.FromFile(DataFile.Find(Vocabulary)!);
        IReadOnlyList<int> ids = bert.EncodeToIds("Embeddings, aren't they? They're fine.");

        Assert.Equal("embeddings, aren ' t they? they ' re fine.", bert.Decode(ids));
        IncrementalDecoderTests.Check(bert, ids);
    }

    [DataFileFact(Vocabulary)]
    public void Where_all_is_encoded_all_is_consumed()
    {
        GenerativeTokenizer bert = GenerativeTokenizers.FromFile(DataFile.Find(Vocabulary)!);

        bert.EncodeToIds("hello you  ", 10, out string? text, out int consumed);
        Assert.Equal((text!.Length, 11), (consumed, consumed));
        bert.EncodeToIds("hello you  ", 2, out _, out consumed);
        Assert.Equal("hello".Length, consumed);
    }

    [Fact]
    public void A_vocabulary_with_upper_case_keeps_it()
    {
        GenerativeTokenizer cased = WordPieceFile.Create(
            "vocab.txt", "[UNK]\nThe\nthe\n##é\n"u8.ToArray(), new WordPieceFile.Settings(), TokenizerConfig.Empty);

        Assert.Equal([1, 2, 2, 3], cased.EncodeToIds("The the theé"));
    }

    [Theory]
    [InlineData("a\nb\n", "[UNK]")]
    [InlineData("[UNK]\na\na\n", "'a' twice")]
    public void What_is_wrong_in_the_file_is_named(string text, string named) =>
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => WordPieceFile.Create(
            "vocab.txt", System.Text.Encoding.UTF8.GetBytes(text), new WordPieceFile.Settings(), TokenizerConfig.Empty)).Message,
            StringComparison.Ordinal);
}
