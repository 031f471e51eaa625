using CsCheck;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class CharacterLevelTests
{
    private sealed class Row
    {
        public string Text { get; set; } = "";
    }

    [Fact]
    public void Ids_follow_the_code_points_of_the_characters_whatever_their_order_in_the_texts()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(["cab", "b🤗é"]);

        Assert.Equal(["a", "b", "c", "é", "🤗"], Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.TokenOf(id)));
        Assert.Equal([1, 0, 4, 3, 2], tokenizer.EncodeToIds("ba🤗éc"));
        Assert.Equal("ba🤗éc", tokenizer.Decode([1, 0, 4, 3, 2]));
    }

    [Fact]
    public void A_character_that_was_not_in_the_texts_is_an_error_that_names_it()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(["abc"]);

        var error = Assert.Throws<ArgumentException>(() => tokenizer.EncodeToIds("abxc"));
        Assert.Contains("'x' (U+0078)", error.Message, StringComparison.Ordinal);
        Assert.Null(tokenizer.UnknownId);
    }

    [Fact]
    public void With_a_token_for_it_an_unknown_character_is_that_token()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(
            ["ab"], new CharacterLevelOptions { UnknownToken = "<unk>", EndOfTextToken = "<end>" });

        Assert.Equal((2, 3, 4), (tokenizer.UnknownId, tokenizer.EndOfTextId, tokenizer.VocabularySize));
        Assert.Equal([0, 2, 2, 1], tokenizer.EncodeToIds("axyb"));
        Assert.Equal([0, 3, 1], tokenizer.EncodeToIds("a<end>b"));
        Assert.Equal("ab", tokenizer.Decode([0, 3, 1]));
        Assert.Equal("a<end>b", tokenizer.Decode([0, 3, 1], skipSpecialTokens: false));
    }

    [Fact]
    public void What_reads_like_a_special_token_is_text_where_it_is_not_to_be_recognized()
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel(
            ["ab<end>"], new CharacterLevelOptions { EndOfTextToken = "<end>" });

        Assert.Equal([tokenizer.EndOfTextId!.Value], tokenizer.EncodeFragment("<end>"));
        Assert.Equal("<end>", tokenizer.Decode(tokenizer.EncodeFragment("<end>", recognizeSpecialTokens: false)));
        Assert.DoesNotContain(tokenizer.EndOfTextId!.Value, tokenizer.EncodeFragment("<end>", recognizeSpecialTokens: false));
    }

    [Fact]
    public void A_column_gives_the_same_tokenizer_as_its_texts()
    {
        MLContext ml = new();
        IDataView data = ml.Data.LoadFromEnumerable([new Row { Text = "to be" }, new Row { Text = "or not" }]);

        Assert.Equal(
            TokenizerFiles.Fingerprint(GenerativeTokenizers.CharacterLevel(["to be", "or not"])),
            TokenizerFiles.Fingerprint(GenerativeTokenizers.CharacterLevel(data, "Text")));
    }

    [Fact]
    public void A_column_that_is_missing_or_no_text_is_named()
    {
        MLContext ml = new();
        IDataView data = ml.Data.LoadFromEnumerable([new { Number = 1f }]);

        Assert.Contains(
            "'Text'", Assert.ThrowsAny<ArgumentException>(() => GenerativeTokenizers.CharacterLevel(data, "Text")).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "'Number'", Assert.ThrowsAny<ArgumentException>(() => GenerativeTokenizers.CharacterLevel(data, "Number")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    public void A_special_token_is_neither_empty_nor_a_character_of_the_texts(string token) =>
        Assert.Contains("UnknownToken", Assert.Throws<ArgumentException>(
            () => GenerativeTokenizers.CharacterLevel(["abc"], new CharacterLevelOptions { UnknownToken = token })).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Texts_without_a_character_are_refused() =>
        Assert.Throws<ArgumentException>(() => GenerativeTokenizers.CharacterLevel(["", ""]));

    [Fact]
    public void Decoding_what_was_encoded_gives_the_text_back() => UnicodeText.Any.Sample(text =>
    {
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel([text + "a"]);
        return tokenizer.Decode(tokenizer.EncodeToIds(text)) == UnicodeText.WellFormed(text);
    });

    [DataFileFact("tinyshakespeare/input.txt")]
    public void The_Shakespeare_text_has_65_characters()
    {
        string text = File.ReadAllText(DataFile.Find("tinyshakespeare/input.txt")!);
        GenerativeTokenizer tokenizer = GenerativeTokenizers.CharacterLevel([text]);

        // As in nanoGPT's data/shakespeare_char: 65 characters, of which the first is the line's end and the second the space.
        Assert.Equal(65, tokenizer.VocabularySize);
        Assert.Equal([18, 47, 56, 57, 58, 1, 15, 47, 58, 47, 64, 43, 52, 10, 0], tokenizer.EncodeToIds("First Citizen:\n"));
        Assert.Equal(1_115_394, tokenizer.EncodeToIds(text).Count);
    }
}
