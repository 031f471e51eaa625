using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

public sealed class Llama2CTokenizerFileTests
{
    private const string Tiny = "stories260K/tok512.bin";
    private const string Llama = "llama-tokenizer/tokenizer.bin";

    private static readonly Lazy<GenerativeTokenizer> _tiny = new(() => GenerativeTokenizers.FromFile(DataFile.Find(Tiny)!));
    private static readonly Lazy<GenerativeTokenizer> _llama = new(() => GenerativeTokenizers.FromFile(DataFile.Find(Llama)!));

    [DataFileFact(Tiny)]
    public void Ids_of_the_vocabulary_of_512_begin_with_the_text_s_beginning()
    {
        Assert.Equal([1, 403, 407, 261, 378], _tiny.Value.EncodeToIds("Once upon a time"));
        Assert.Equal([403, 407, 261, 378], _tiny.Value.EncodeFragment("Once upon a time"));
        Assert.Equal([1], _tiny.Value.EncodeToIds(""));
        Assert.Equal(new SpecialTokenIds(Bos: 1, Eos: 2, Unk: 0), _tiny.Value.SpecialTokens);
        Assert.Equal(512, _tiny.Value.VocabularySize);
    }

    [DataFileFact(Llama)]
    public void Ids_of_the_vocabulary_of_32000_are_those_of_llama2_c()
    {
        // From llama2.c's test.c, which has them from Meta's example prompts.
        Assert.Equal([1, 306, 4658, 278, 6593, 310, 2834, 338], _llama.Value.EncodeToIds("I believe the meaning of life is"));
        Assert.Equal(
            [1, 3439, 17632, 1925, 29892, 278, 6368, 310, 14215, 537, 5922, 393, 29871],
            _llama.Value.EncodeToIds("Simply put, the theory of relativity states that "));
        Assert.Equal(
            [1, 4103, 9632, 4223, 304, 5176, 29901, 13, 13, 4706, 7205, 4932, 357, 1149, 301, 449, 276, 316, 2778, 13, 4706, 1236, 407, 837,
            524, 1149, 6042, 354,
             772, 440, 29878, 1318, 13, 4706, 715, 1878, 330, 3055, 1725, 1149, 330, 3055, 1725, 4639, 28754, 13, 4706, 923, 968, 1149],
            _llama.Value.EncodeToIds(
                "Translate English to French:\n\n        sea otter => loutre de mer\n        peppermint => menthe poivrée\n        plush "
                    + "girafe => girafe peluche\n        cheese =>"));
    }

    [DataFileFact(Tiny)]
    public void The_space_before_the_text_is_no_part_of_it()
    {
        Assert.Equal("Once upon a time", _tiny.Value.Decode([1, 403, 407, 261, 378]));
        // After other tokens it is.
        var decoder = IncrementalDecoder.Create(_tiny.Value, context: [1, 403]);
        Assert.Equal(" upon", decoder.Append(407));
    }

    [DataFileFact(Tiny)]
    public void A_character_that_is_no_token_is_its_bytes() =>
        Assert.Equal([1, _tiny.Value.IdOf(" ")!.Value, 0xF0 + 3, 0x9F + 3, 0xA4 + 3, 0x97 + 3], _tiny.Value.EncodeToIds("🤗"));

    [DataFileFact(Tiny)]
    public void Any_text_comes_back_at_once_and_piece_by_piece() => UnicodeText.Any.Sample(text =>
    {
        IReadOnlyList<int> ids = _tiny.Value.EncodeToIds(text);
        Assert.Equal(UnicodeText.WellFormed(text), _tiny.Value.Decode(ids));
        IncrementalDecoderTests.Check(_tiny.Value, ids);
    });

    [DataFileFact(Tiny)]
    public void Ids_are_those_of_merging_the_best_pair_one_at_a_time()
    {
        // As llama2.c does it: of all neighbors those whose token has the highest score, the leftmost first.
        var (tokens, scores) = Read(DataFile.Find(Tiny)!);
        var ids = tokens.Index().ToDictionary(entry => entry.Item, entry => entry.Index);
        Gen.OneOf(Gen.Char["abelnot "], Gen.Char["aeht "], Gen.Char[' ', '~']).Array[1, 60].Sample(letters =>
        {
            string text = new(letters);
            List<int> expected = [ids[" "], .. text.SelectMany(c => ids.TryGetValue(c.ToString(), out int id) ? [id] : new[] { c + 3 })];
            while (true)
            {
                var best = Enumerable.Range(0, expected.Count - 1)
                    .Select(i => (Place: i, Id: ids.GetValueOrDefault(tokens[expected[i]] + tokens[expected[i + 1]], -1)))
                    .Where(pair => pair.Id >= 0).OrderByDescending(pair => scores[pair.Id]).ThenBy(pair => pair.Place).ToList();
                if (best.Count == 0)
                    break;
                expected[best[0].Place] = best[0].Id;
                expected.RemoveAt(best[0].Place + 1);
            }

            Assert.Equal([1, .. expected], _tiny.Value.EncodeToIds(text));
        });
    }

    [Fact]
    public void Damaged_files_are_refused()
    {
        Assert.Throws<InvalidDataException>(() => Llama2CTokenizerFile.Create("t.bin", []));
        Assert.Throws<InvalidDataException>(() => Llama2CTokenizerFile.Create("t.bin", [1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 127]));
        Assert.Throws<InvalidDataException>(() => Llama2CTokenizerFile.Create("t.bin", [255, 255, 255, 255]));
    }

    private static (List<string> Tokens, List<float> Scores) Read(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        reader.ReadInt32();
        List<string> tokens = [];
        List<float> scores = [];
        while (reader.BaseStream.Position < reader.BaseStream.Length)
        {
            scores.Add(reader.ReadSingle());
            tokens.Add(System.Text.Encoding.UTF8.GetString(reader.ReadBytes(reader.ReadInt32())));
        }

        return (tokens, scores);
    }
}
