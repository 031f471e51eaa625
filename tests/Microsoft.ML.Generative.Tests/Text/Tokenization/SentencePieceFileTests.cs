using System.Text;
using CsCheck;
using Google.Protobuf;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class SentencePieceFileTests
{
    private const string Llama = "llama-tokenizer/tokenizer.model";
    private const string LlamaC = "llama-tokenizer/tokenizer.bin";
    private const string T5 = "t5-spiece/spiece.model";

    private static readonly Lazy<GenerativeTokenizer> _llama = new(() => GenerativeTokenizers.FromFile(DataFile.Find(Llama)!));
    private static readonly Lazy<GenerativeTokenizer> _t5 = new(() => GenerativeTokenizers.FromFile(DataFile.Find(T5)!));

    [DataFileFact(Llama)]
    public void Ids_are_those_of_Llama_2()
    {
        Assert.Equal([1, 306, 4658, 278, 6593, 310, 2834, 338], _llama.Value.EncodeToIds("I believe the meaning of life is"));
        Assert.Equal(new SpecialTokenIds(Bos: 1, Eos: 2, Unk: 0), _llama.Value.SpecialTokens);
        Assert.Equal(32000, _llama.Value.VocabularySize);
    }

    // Ids by SentencePiece itself.
    [DataFileFact(Llama)]
    public void Of_merges_with_the_same_result_the_leftmost_goes_first() =>
        Assert.Equal([525, 2208, 29931], _llama.Value.EncodeFragment("'LLL"));

    [DataFileFact(Llama)]
    public void Spaces_and_characters_without_a_token_are_kept()
    {
        Assert.Equal([259, 263, 29871, 289], _llama.Value.EncodeFragment("  a  b"));
        Assert.Equal([29871, 243, 162, 167, 154], _llama.Value.EncodeFragment("🤗"));
        Assert.Empty(_llama.Value.EncodeFragment(""));
    }

    [DataFileFact(Llama)]
    public void Any_text_without_the_character_for_spaces_comes_back_at_once_and_piece_by_piece() => UnicodeText.Any.Sample(text =>
    {
        text = text.Replace('\u2581', '_');
        IReadOnlyList<int> ids = _llama.Value.EncodeFragment(text, recognizeSpecialTokens: false);
        Assert.Equal(UnicodeText.WellFormed(text), _llama.Value.Decode(ids));
        IncrementalDecoderTests.Check(_llama.Value, ids);
    });

    [DataFileFact(Llama)]
    public void Any_ids_give_the_same_text_at_once_and_piece_by_piece() =>
        Gen.OneOf(Gen.Int[0, 300], Gen.Int[0, 31999]).Array[0, 30].Sample(ids => IncrementalDecoderTests.Check(_llama.Value, ids));

    [DataFileFact(Llama, LlamaC)]
    public void The_file_of_llama2_c_gives_the_same_ids()
    {
        GenerativeTokenizer other = GenerativeTokenizers.FromFile(DataFile.Find(LlamaC)!);
        UnicodeText.Any.Sample(text =>
        {
            text = text.Replace('\u2581', '_').Replace("<s>", "", StringComparison.Ordinal);
            Assert.Equal(other.EncodeToIds(text), _llama.Value.EncodeToIds(text));
        });
    }

    // Ids by SentencePiece itself.
    [DataFileFact(T5)]
    public void Ids_are_those_of_T5()
    {
        Assert.Equal([8774, 6, 149, 33, 25, 58], _t5.Value.EncodeToIds("Hello, how are you?"));
        // Translated to NFKC, and unknown characters in a row are one token.
        Assert.Equal([14213, 361, 209, 2, 357, 209, 2], _t5.Value.EncodeToIds("ＡＢＣ ﬁ ½ ①日本"));
        Assert.Equal([30355, 15, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5], _t5.Value.EncodeToIds(
            "Translate English to German: The house is wonderful."));
        Assert.Equal(new SpecialTokenIds(Eos: 1, Unk: 2, Pad: 0), _t5.Value.SpecialTokens);
    }

    // Two ways to cut these are equally probable but for the rounding of 32-bit floats, which depends on the words before. Ids by
    // SentencePiece itself.
    [DataFileFact(T5)]
    public void Of_equally_probable_ways_rounding_decides_as_in_SentencePiece()
    {
        Assert.Equal([139, 3, 14817, 18, 3, 55], _t5.Value.EncodeFragment("into ---- !"));
        Assert.Equal([335, 3707, 4591, 3097, 2773, 112, 3, 58, 8665, 3, 8546, 3, 834, 834, 586, 4560, 4433], _t5.Value.EncodeFragment(
            "104883 3523 his ???? ?? __ 120785"));
    }

    [DataFileFact(T5)]
    public void Spaces_at_the_ends_and_in_a_row_are_dropped_where_the_model_says_so()
    {
        Assert.Equal(_t5.Value.EncodeToIds("a b"), _t5.Value.EncodeToIds("  a \t  b  "));
        Assert.Equal("a b", _t5.Value.Decode(_t5.Value.EncodeToIds("  a \t  b  ")));
        Assert.Empty(_t5.Value.EncodeToIds("   "));
    }

    [DataFileFact(T5, Llama)]
    public void A_saved_tokenizer_gives_the_same_ids()
    {
        foreach (GenerativeTokenizer tokenizer in new[] { _t5.Value, _llama.Value })
        {
            GenerativeTokenizer again = TokenizerFiles.Load(TokenizerFiles.Save(tokenizer));
            UnicodeText.Any.Sample(text => Assert.Equal(tokenizer.EncodeToIds(text), again.EncodeToIds(text)), iter: 30);
        }
    }

    [Fact]
    public void Pieces_of_the_user_are_tokens_whatever_stands_around_them()
    {
        (string, float, PieceKind)[] pieces =
            [
                ("<unk>", 0, PieceKind.Unknown), ("▁", -2, PieceKind.Normal), ("a", -2, PieceKind.Normal),
                ("<b>", 0, PieceKind.UserDefined), ("▁▁", 0, PieceKind.UserDefined),
            ];
        GenerativeTokenizer tokenizer = Create(SentencePieceModel.BytePairs, keepSpaces: true, pieces);

        Assert.Equal([2, 3, 2, 1, 3, 4, 2], tokenizer.EncodeToIds("a<b>a <b>  a"));
        Assert.Equal("a<b>a <b>  a", tokenizer.Decode([2, 3, 2, 1, 3, 4, 2]));
        Assert.Contains(
            "add_dummy_prefix", Assert.Throws<InvalidDataException>(() => Create(SentencePieceModel.BytePairs, pieces)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_most_probable_pieces_are_taken()
    {
        // ab|c: -1.5 -1.0; a|bc: -1.1 -1.3; abc: -2.6; a|b|c: -3.5.
        GenerativeTokenizer tokenizer = Create(
            SentencePieceModel.Unigram, ("<unk>", 0, PieceKind.Unknown), ("▁", -0.1f, PieceKind.Normal), ("a", -1.1f, PieceKind.Normal),
            ("b", -1.4f, PieceKind.Normal),
            ("c", -1.0f, PieceKind.Normal), ("ab", -1.5f, PieceKind.Normal), ("bc", -1.3f, PieceKind.Normal),
            ("abc", -2.6f, PieceKind.Normal));

        Assert.Equal([1, 2, 6], tokenizer.EncodeToIds("abc"));
        Assert.Equal([1, 5], tokenizer.EncodeToIds("ab"));
        Assert.Equal([1, 0, 2], tokenizer.EncodeToIds("xya"));
    }

    [Theory]
    [InlineData(3, "type 3")]
    [InlineData(4, "type 4")]
    public void Models_of_words_and_characters_are_refused(int type, string named) =>
        Assert.Contains(
            named, Assert.Throws<InvalidDataException>(() => Create(type, ("<unk>", 0, PieceKind.Unknown))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_piece_without_a_finite_score_is_refused() =>
        Assert.Contains("finite", Assert.Throws<InvalidDataException>(
            () => Create(SentencePieceModel.BytePairs, ("<unk>", 0, PieceKind.Unknown), ("a", float.NaN, PieceKind.Normal))).Message,
            StringComparison.Ordinal);

    private static GenerativeTokenizer Create(int type, params (string Piece, float Score, PieceKind Kind)[] pieces) =>
        Create(type, keepSpaces: false, pieces);

    private static GenerativeTokenizer Create(int type, bool keepSpaces, (string Piece, float Score, PieceKind Kind)[] pieces)
    {
        using var file = new MemoryStream();
        using (var output = new CodedOutputStream(file, leaveOpen: true))
        {
            foreach (var (piece, score, kind) in pieces)
            {
                output.WriteTag(1, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(Message(message =>
                {
                    message.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    message.WriteBytes(ByteString.CopyFrom(piece, Encoding.UTF8));
                    message.WriteTag(2, WireFormat.WireType.Fixed32);
                    message.WriteFloat(score);
                    message.WriteTag(3, WireFormat.WireType.Varint);
                    message.WriteEnum((int)kind);
                })));
            }

            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(Message(message =>
            {
                message.WriteTag(3, WireFormat.WireType.Varint);
                message.WriteEnum(type);
                // No tokens that begin and end a text.
                message.WriteTag(41, WireFormat.WireType.Varint);
                message.WriteInt32(-1);
                message.WriteTag(42, WireFormat.WireType.Varint);
                message.WriteInt32(-1);
            })));
            output.WriteTag(3, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(Message(message =>
            {
                message.WriteTag(3, WireFormat.WireType.Varint);
                message.WriteBool(!keepSpaces);
                message.WriteTag(4, WireFormat.WireType.Varint);
                message.WriteBool(!keepSpaces);
            })));
        }

        return SentencePieceFile.Create("m.model", file.ToArray(), new SentencePieceFile.Settings(), TokenizerConfig.Empty);
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
            write(output);
        return bytes.ToArray();
    }
}
