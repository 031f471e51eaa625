using System.Text;
using System.Text.Json;
using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class TiktokenFileTests
{
    private static byte[] Lines(IEnumerable<(byte[] Token, int Id)> tokens) =>
        Encoding.ASCII.GetBytes(string.Concat(tokens.Select(token => $"{Convert.ToBase64String(token.Token)} {token.Id}\n")));

    private static IEnumerable<(byte[] Token, int Id)> Bytes => Enumerable.Range(0, 256).Select(value => (new[] { (byte)value }, value));

    private static TiktokenOptions Options =>
        new() { Pattern = @"\S+|\s+", SpecialTokens = new Dictionary<string, int> { ["<end>"] = 300 }, EndOfTextToken = "<end>" };

    [DataFileFact("gpt2-bpe/encoder.json", "gpt2-bpe/vocab.bpe")]
    public void The_file_of_GPT2_s_encoding_gives_GPT2_s_ids()
    {
        // tiktoken makes r50k_base of the same two files: the rank of a token is its id.
        using var folder = new TemporaryFolder();
        var vocabulary = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllText(DataFile.Find("gpt2-bpe/encoder.json")!))!;
        File.WriteAllBytes(
            folder.File("r50k_base.tiktoken"),
            Lines(vocabulary.Where(token => token.Value < 50256).Select(token => (ByteAlphabet.BytesOf(token.Key)!, token.Value))));
        GenerativeTokenizer tiktoken = GenerativeTokenizers.FromFile(folder.File("r50k_base.tiktoken"));
        GenerativeTokenizer gpt2 = GenerativeTokenizers.FromGpt2Files(
            DataFile.Find("gpt2-bpe/encoder.json")!, DataFile.Find("gpt2-bpe/vocab.bpe")!);

        Assert.Equal(gpt2.SpecialTokens, tiktoken.SpecialTokens);
        UnicodeText.Any.Sample(text => Assert.Equal(gpt2.EncodeToIds(text), tiktoken.EncodeToIds(text)));
    }

    [Fact]
    public void Merges_go_by_the_rank_of_what_they_make()
    {
        // "abcd": of ab (257), bc (256) and cd (258), bc goes first; then abc is no token and bcd (259) is.
        GenerativeTokenizer tokenizer = TiktokenFile.Create(
            "t", Lines([.. Bytes, ("bc"u8.ToArray(), 256), (
                "ab"u8.ToArray(), 257), ("cd"u8.ToArray(), 258), ("bcd"u8.ToArray(), 259), ("xyz"u8.ToArray(), 260)]), Options);

        Assert.Equal(['a', 259], tokenizer.EncodeToIds("abcd"));
        // A word that is a token is that token, even where no merges lead to it.
        Assert.Equal([260, ' ', 'x', 'y', 'z', '!'], tokenizer.EncodeToIds("xyz xyz!"));
        Assert.Equal([300], tokenizer.EncodeToIds("<end>"));
        Assert.Equal(301, tokenizer.VocabularySize);
    }

    [Fact]
    public void The_token_that_begins_a_text_is_put_before_it_where_asked_for()
    {
        var options = new TiktokenOptions
        {
            Pattern = @"\S+|\s+",
            SpecialTokens = new Dictionary<string, int> { ["<begin>"] = 256 },
            BeginningOfTextToken = "<begin>",
            AddBeginningOfText = true,
        };
        GenerativeTokenizer tokenizer = TiktokenFile.Create("t", Lines(Bytes), options);

        Assert.Equal([256, 'a'], tokenizer.EncodeToIds("a"));
        Assert.Equal(['a'], tokenizer.EncodeFragment("a"));
        Assert.Equal(256, tokenizer.BeginningOfTextId);
    }

    [Theory]
    [InlineData("YQ==\n", "line 1")]
    [InlineData("YQ== 1\n!! 2\n", "line 2")]
    [InlineData("YQ== x\n", "line 1")]
    [InlineData("YQ== 1\n", "byte 0")]
    public void What_is_wrong_in_the_file_is_named(string text, string named) =>
        Assert.Contains(
            named, Assert.Throws<InvalidDataException>(() => TiktokenFile.Create("t", Encoding.ASCII.GetBytes(text), Options)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_file_of_an_unknown_encoding_needs_options()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("mine.tiktoken"), Lines(Bytes));

        Assert.Contains("FromTiktokenFile", Assert.Throws<NotSupportedException>(() =>
            GenerativeTokenizers.FromFile(folder.File("mine.tiktoken"))).Message, StringComparison.Ordinal);
        Assert.Equal(['a'], GenerativeTokenizers.FromTiktokenFile(folder.File("mine.tiktoken"), Options).EncodeToIds("a"));
        Assert.Contains("'<e>'", Assert.Throws<ArgumentException>(() => GenerativeTokenizers.FromTiktokenFile(
            folder.File("mine.tiktoken"), new TiktokenOptions { Pattern = ".", EndOfTextToken = "<e>" })).Message,
            StringComparison.Ordinal);
    }
}
