using System.Text;
using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class Gpt2FilesTests
{
    private const string Vocabulary = "gpt2-bpe/encoder.json";
    private const string Merges = "gpt2-bpe/vocab.bpe";

    private static readonly Lazy<GenerativeTokenizer> _gpt2 = new(() =>
        GenerativeTokenizers.FromGpt2Files(DataFile.Find(Vocabulary)!, DataFile.Find(Merges)!));

    [DataFileFact(Vocabulary, Merges)]
    public void The_ids_are_those_of_GPT2()
    {
        // From minGPT's bpe.py, checked there against OpenAI's encoder.
        Assert.Equal(
            [15496, 3228, 314, 1101, 10948, 73, 509, 5117, 10036, 13, 632, 338, 33160, 13, 266, 405, 83, 1058, 35, 12520, 97, 245],
            _gpt2.Value.EncodeToIds("Hello!! I'm Andrej Karpathy. It's 2022. w00t :D 🤗"));
        Assert.Equal((50256, 50257), (_gpt2.Value.EndOfTextId, _gpt2.Value.VocabularySize));
        Assert.Equal([50256], _gpt2.Value.EncodeToIds("<|endoftext|>"));
    }

    [DataFileFact(Vocabulary, Merges)]
    public void Any_text_comes_back_at_once_and_piece_by_piece() => UnicodeText.Any.Sample(text =>
    {
        IReadOnlyList<int> ids = _gpt2.Value.EncodeFragment(text, recognizeSpecialTokens: false);
        Assert.Equal(UnicodeText.WellFormed(text), _gpt2.Value.Decode(ids));
        IncrementalDecoderTests.Check(_gpt2.Value, ids);
    });

    [DataFileFact(Vocabulary, Merges)]
    public void Any_ids_give_the_same_text_at_once_and_piece_by_piece() =>
        Gen.Int[0, 50256].Array[0, 30].Sample(ids => IncrementalDecoderTests.Check(_gpt2.Value, ids));

    [DataFileFact(Vocabulary, Merges)]
    public void Tokens_have_their_places_in_the_text()
    {
        var tokens = _gpt2.Value.EncodeToTokens("I'm 🤗!", out string? normalized);

        Assert.Equal("I'm 🤗!", normalized);
        Assert.Equal(["I", "'m", "ĠðŁ", "¤", "Ĺ", "!"], tokens.Select(token => token.Value));
        // The three tokens of the one character, which is two UTF-16 units, have all of it.
        Assert.Equal([0..1, 1..3, 3..6, 4..6, 4..6, 6..7], tokens.Select(token => token.Offset));
    }

    [DataFileFact(Vocabulary, Merges)]
    public void Encoding_stops_at_the_number_of_tokens_asked_for()
    {
        IReadOnlyList<int> ids = _gpt2.Value.EncodeToIds("Hello!! I'm here", 3, out _, out int consumed);

        Assert.Equal([15496, 3228, 314], ids);
        Assert.Equal("Hello!! I".Length, consumed);
        Assert.Equal(3, _gpt2.Value.GetIndexByTokenCount("I'm 🤗!", 2, out _, out int count));
        Assert.Equal(2, count);
    }

    [DataFileFact(Vocabulary, Merges)]
    public void Decoding_into_a_buffer_stops_before_what_does_not_fit()
    {
        int[] ids = [.. _gpt2.Value.EncodeToIds("ab 🤗!")];
        var buffer = new char[16];

        Assert.Equal(System.Buffers.OperationStatus.DestinationTooSmall, _gpt2.Value.Decode(
            ids, buffer.AsSpan(0, 4), out int used, out int written));
        Assert.Equal(("ab", 1), (new string(buffer, 0, written), used));
        Assert.Equal(System.Buffers.OperationStatus.Done, _gpt2.Value.Decode(ids.Skip(used), buffer, out _, out written));
        Assert.Equal(" 🤗!", new string(buffer, 0, written));
    }

    [DataFileFact(Vocabulary, Merges, "tinyshakespeare/input.txt")]
    public void A_megabyte_of_text_has_as_many_tokens_as_published()
    {
        string text = File.ReadAllText(DataFile.Find("tinyshakespeare/input.txt")!);
        IReadOnlyList<int> ids = _gpt2.Value.EncodeToIds(text);

        // nanoGPT's data/shakespeare: the first 90 % has 301,966 tokens, the rest 36,059.
        int cut = (int)(text.Length * 0.9);
        Assert.Equal(301_966, _gpt2.Value.CountTokens(text[..cut]));
        Assert.Equal(36_059, _gpt2.Value.CountTokens(text[cut..]));
        Assert.Equal(text, _gpt2.Value.Decode(ids));
    }

    [Theory]
    [InlineData("{\"a\": 0, \"a\": 1}", "", "'v.json' has the token 'a' twice")]
    [InlineData("[1]", "", "'v.json' holds Array")]
    [InlineData("{\"a\": 0.5}", "", "The id of 'a' in 'v.json'")]
    [InlineData("{\"a\": 0}", "#version: 0.2\na\n", "'m.txt', line 2")]
    [InlineData("{\"a\": 0}", "a b\n", "lacks 'b'")]
    public void What_is_wrong_in_a_file_is_named(string vocabulary, string merges, string named) =>
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => Gpt2Files.Create(
            ("v.json", Encoding.UTF8.GetBytes(vocabulary)), ("m.txt", Encoding.UTF8.GetBytes(merges)), new Gpt2Files.Settings(), [],
            TokenizerConfig.Empty)).Message,
            StringComparison.Ordinal);
}
