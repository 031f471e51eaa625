using System.Text;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Encoders;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class LongTextTests
{
    private const string Llama = "llama-tokenizer/tokenizer.model";

    private static readonly string[] _words = ["the", "hen", "has", "corn", "zoo", "and", "or", "größe", "日本", "don't", "42", "well-known"];

    private static string Text { get; } = Make(400_000);

    [Fact]
    public void Parts_have_the_tokens_of_the_whole_text()
    {
        foreach (GenerativeTokenizer tokenizer in (GenerativeTokenizer[])[
            GenerativeTokenizers.TrainBytePairEncoding([Text[..50_000]], 400), GenerativeTokenizers.CharacterLevel([Text])])
            AssertSame(TextCodec.Of(tokenizer), Text, parts: 7);
    }

    [DataFileFact(Llama)]
    public void A_tokenizer_that_begins_with_a_space_does_so_once() =>
        AssertSame(TextCodec.Of(GenerativeTokenizers.FromFile(DataFile.Find(Llama)!)), Text, parts: 7);

    [Fact]
    public void A_text_without_a_place_to_cut_is_encoded_as_a_whole() =>
        AssertSame(TextCodec.Of(GenerativeTokenizers.CharacterLevel(["ab"])), new string('a', 200_000), parts: 1);

    // No cut is allowed where the tokenizer has a token across it.
    [Fact]
    public void A_token_across_a_cut_moves_it()
    {
        TextCodec codec = TextCodec.Of(GenerativeTokenizers.CharacterLevel(["ab "]));
        int calls = 0;
        // Two letters and the space between them are one token, up to a place.
        IReadOnlyList<int> Encode(string text)
        {
            calls++;
            return [.. text.Replace("a a", "x", StringComparison.Ordinal).Select(c => (int)c)];
        }

        string text = string.Concat(Enumerable.Repeat("a a b ", 40_000));
        IReadOnlyList<int>[] parts = [.. LongText.Encode(text, Encode)];
        Assert.Equal(Encode(text), parts.SelectMany(p => p));
        Assert.True(parts.Length >= 3, $"{parts.Length} {calls} {codec.VocabularySize}");
    }

    // 90 bytes a character where all of it is encoded at once.
    [Fact]
    public void An_encoder_reads_a_long_text_part_by_part()
    {
        var codec = new EncoderCodec(TinyEncoders.Tokenizer, 24);
        string text = string.Concat(Enumerable.Repeat("the cat sees a fish. my hen has corn. ", 50_000));
        Assert.Single(codec.EncodeParts("the cat"));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(24, codec.EncodeParts(text).First().Ids.Length);
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(taken < 20_000_000, $"{taken:N0} bytes for the first part of {text.Length:N0} characters");

        text = text[..150_000];
        int[][] whole = [.. codec.Tokenizer.EncodeText(text, int.MaxValue).Chunk(codec.MostInside)];
        Assert.Equal(whole, codec.EncodeParts(text).Select(part => part.Ids[codec.Before.Count..^codec.After.Count]));
    }

    [Fact]
    public void Parts_for_training_a_tokenizer_are_the_text()
    {
        string[] parts = [.. LongText.Parts(Text)];
        Assert.Equal(Text, string.Concat(parts));
        Assert.True(parts.Length >= 6);
        Assert.Equal(["short"], LongText.Parts("short"));
        Assert.Empty(LongText.Parts(""));
    }

    private static void AssertSame(TextCodec codec, string text, int parts)
    {
        IReadOnlyList<int>[] found = [.. LongText.Encode(text, codec.EncodeText)];
        IReadOnlyList<int> whole = ((GenerativeTokenizer)codec.Tokenizer).EncodeFragment(text, recognizeSpecialTokens: false);
        Assert.Equal(whole, found.SelectMany(part => part));
        Assert.Equal(whole, codec.EncodeText(text));
        (int[] ids, int promptTokens) = codec.EncodeExample(text, "a");
        Assert.Equal(codec.EncodePrompt(text), ids[..promptTokens]);
        Assert.InRange(found.Length, parts - 1, parts);
    }

    private static string Make(int length)
    {
        var text = new StringBuilder();
        for (int i = 0; text.Length < length; i++)
        {
            text.Append(_words[(int)((long)i * i % 11)]).Append(_words[i % _words.Length]);
            text.Append((i % 17) switch { 0 => ". ", 1 => "\n", 2 => "  ", 3 => ",\r\n", 4 => "\t", _ => " " });
        }

        return text.ToString();
    }
}
