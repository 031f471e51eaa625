using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class IncrementalDecoderTests
{
    [Fact]
    public void The_pieces_of_a_foreign_tokenizer_are_its_text_and_no_piece_is_half_a_character() => UnicodeText.Any.Sample(text =>
    {
        var tokenizer = new ForeignTokenizer();
        Check(tokenizer, tokenizer.EncodeToIds(text));
    });

    [Fact]
    public void A_character_of_four_bytes_comes_with_the_last_of_them()
    {
        var decoder = IncrementalDecoder.Create(new ForeignTokenizer());

        Assert.Equal(["", "", "", "🤗", "a"], new[] { 0xF0, 0x9F, 0xA4, 0x97, 'a' }.Select(decoder.Append));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void What_is_no_character_comes_at_the_end()
    {
        var decoder = IncrementalDecoder.Create(new ForeignTokenizer());

        Assert.Equal(["a", "", ""], new[] { 'a', 0xF0, 0x9F }.Select(decoder.Append));
        Assert.Equal("\uFFFD", decoder.Flush());
    }

    [Fact]
    public void After_a_context_a_leading_space_is_text()
    {
        Assert.Equal("", IncrementalDecoder.Create(new ForeignTokenizer()).Append(' '));
        Assert.Equal(" ", IncrementalDecoder.Create(new ForeignTokenizer(), context: ['a']).Append(' '));
    }

    internal static void Check(Tokenizer tokenizer, IReadOnlyList<int> ids)
    {
        var decoder = IncrementalDecoder.Create(tokenizer);
        List<string> pieces = [.. ids.Select(decoder.Append), decoder.Flush()];

        Assert.Equal(tokenizer.Decode(ids), string.Concat(pieces));
        Assert.DoesNotContain(pieces, piece => piece.Length > 0 && (char.IsLowSurrogate(piece[0]) || char.IsHighSurrogate(piece[^1])));
    }
}
