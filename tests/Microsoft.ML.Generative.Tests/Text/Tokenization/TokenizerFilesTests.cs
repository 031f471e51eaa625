using System.Text;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class TokenizerFilesTests
{
    private static GenerativeTokenizer Characters(string text = "to be or not") =>
        GenerativeTokenizers.CharacterLevel([text], new CharacterLevelOptions { UnknownToken = "<unk>", EndOfTextToken = "<end>" });

    [Fact]
    public void A_saved_tokenizer_comes_back_as_it_was()
    {
        GenerativeTokenizer tokenizer = Characters();

        GenerativeTokenizer again = TokenizerFiles.Load(TokenizerFiles.Save(tokenizer));

        Assert.Equal(tokenizer.SpecialTokens, again.SpecialTokens);
        Assert.Equal(tokenizer.VocabularySize, again.VocabularySize);
        Assert.Equal(tokenizer.EncodeToIds("not to x<end>"), again.EncodeToIds("not to x<end>"));
        Assert.Equal(TokenizerFiles.Fingerprint(tokenizer), TokenizerFiles.Fingerprint(again));
    }

    [Fact]
    public void The_entries_of_a_model_s_file_are_the_tokenizer_s_files()
    {
        GenerativeTokenizer tokenizer = Characters();
        var files = TokenizerFiles.Entries(tokenizer).ToDictionary(entry => entry.Key, entry =>
        {
            using var stream = new MemoryStream();
            entry.Value(stream);
            stream.Position = 0;
            return TokenizerFiles.ReadEntry(stream, entry.Key);
        });

        Assert.Equal(TokenizerFiles.Names, files.Keys);
        Assert.Equal(TokenizerFiles.Fingerprint(tokenizer), TokenizerFiles.Fingerprint(TokenizerFiles.Load(files)));
    }

    [Fact]
    public void Several_threads_get_what_one_gets()
    {
        GenerativeTokenizer one = GenerativeTokenizers.TrainBytePairEncoding([string.Join(' ', Enumerable.Range(0, 3000))], 400);
        GenerativeTokenizer shared = TokenizerFiles.Load(TokenizerFiles.Save(one));
        string[] texts = [.. Enumerable.Range(0, 20_000).Select(i => $"{i * 7919 % 3000} {i} {i * 31 % 5000}")];

        var found = texts.AsParallel().AsOrdered().WithDegreeOfParallelism(4).Select(text => shared.Decode(shared.EncodeToIds(text)))
            .ToArray();

        Assert.Equal(texts, found);
        Assert.Equal(texts.Select(text => one.CountTokens(text)), texts.Select(text => shared.CountTokens(text)));
    }

    [Fact]
    public void Another_tokenizer_has_another_fingerprint()
    {
        string fingerprint = TokenizerFiles.Fingerprint(Characters())!;

        Assert.Equal(64, fingerprint.Length);
        Assert.NotEqual(fingerprint, TokenizerFiles.Fingerprint(Characters("to be or nots")));
        Assert.NotEqual(fingerprint, TokenizerFiles.Fingerprint(GenerativeTokenizers.CharacterLevel(["to be or not"])));
    }

    [Fact]
    public void A_tokenizer_of_another_type_cannot_be_saved_and_the_error_says_which_can()
    {
        Tokenizer foreign = new ForeignTokenizer();

        string message = Assert.Throws<NotSupportedException>(() => TokenizerFiles.Save(foreign)).Message;
        Assert.Contains(nameof(ForeignTokenizer), message, StringComparison.Ordinal);
        Assert.Contains(nameof(GenerativeTokenizers), message, StringComparison.Ordinal);
        Assert.Null(TokenizerFiles.Fingerprint(foreign));
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("'tokenizer.json'", Assert.Throws<InvalidDataException>(
            () => TokenizerFiles.Load(new Dictionary<string, byte[]>())).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("\"type\": \"WordLevel\"", "\"type\": \"Morphemes\"", "Morphemes")]
    [InlineData("\"type\": \"Fuse\"", "\"type\": \"CTC\"", "CTC")]
    [InlineData("\"type\": \"Split\"", "\"type\": \"UnicodeScripts\"", "UnicodeScripts")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\":\"Nmt\"}", "Nmt")]
    [InlineData("\"post_processor\": null", "\"post_processor\": {\"type\":\"Magic\"}", "Magic")]
    [InlineData("\"invert\": false", "\"invert\": false, \"louder\": true", "louder")]
    [InlineData("\"version\": \"1.0\"", "\"version\": \"2.0\"", "2.0")]
    [InlineData("\"version\": \"1.0\"", "\"version\": \"1.0\", \"extra\": 1", "extra")]
    [InlineData("[\\\\s\\\\S]", "\\\\p{Han}", "Han")]
    [InlineData("\"b\": 0", "\"b\": 1", "twice")]
    [InlineData("\"b\": 0", "\"b\": -1", "-1")]
    [InlineData("\"b\": 0", "\"b\": 99999999", "99999999")]
    [InlineData("\"b\": 0", "\"b\": 0, \"b\": 0", "twice")]
    [InlineData("\"b\": 0", "\"\\ud83e\": 0", "Unicode")]
    [InlineData("{", "", "JSON")]
    public void What_is_not_supported_is_refused_by_name(string old, string changed, string named)
    {
        var files = new Dictionary<string, byte[]>(TokenizerFiles.Save(GenerativeTokenizers.CharacterLevel(["bc"])));
        string json = Encoding.UTF8.GetString(files["tokenizer.json"]);
        int place = json.IndexOf(old, StringComparison.Ordinal);
        Assert.True(place >= 0, json);
        files["tokenizer.json"] = Encoding.UTF8.GetBytes(json[..place] + changed + json[(place + old.Length)..]);

        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => TokenizerFiles.Load(files)).Message, StringComparison.Ordinal);
    }
}
