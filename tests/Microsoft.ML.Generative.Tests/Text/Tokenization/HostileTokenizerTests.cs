using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Damaged and malicious files of tokenizers give a tokenizer that works, or are refused with <see cref="InvalidDataException"/>.
/// </summary>
public sealed class HostileTokenizerTests
{
    private const long MaxBytes = 50_000_000;

    // Every kind of part, in few bytes.
    private static readonly string[] _files =
    [
        Text(GenerativeTokenizers.CharacterLevel(["abc"], new CharacterLevelOptions { UnknownToken = "<unk>", EndOfTextToken = "<end>" })),
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [{"id": 5, "content": "<s>", "special": true, "normalized": false, "single_word": true, "lstrip": true,
            "rstrip": true}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"},
            {"type": "Replace", "pattern": {"Regex": "[a-c]+x"}, "content": "d"},
            {"type": "Prepend", "prepend": "▁"}, {"type": "Strip", "strip_left": true, "strip_right": true},
             {"type": "BertNormalizer", "lowercase": true}]},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{L}{1,3}|(?i:'s)"},
            "behavior": "MergedWithNext", "invert": false},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
             {"type": "Digits", "individual_digits": true}]},
         "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}},
         "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
         "model": {"type": "BPE", "unk_token": "?", "fuse_unk": true, "byte_fallback": false, "ignore_merges": false,
            "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "▁": 4, "▁ab": 6}, "merges": ["a b", ["▁", "ab"]], "merge_ranks": [0, 0]}}
        """,
        """
        {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAAAEAAAAAAAAYWIA"},
         "pre_tokenizer": {"type": "Whitespace"},
         "post_processor": {"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 2]},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
         "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.5], ["b", -2], ["ab", -2.5]], "byte_fallback": true}}
        """,
        """
        {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true},
         "decoder": {"type": "ByteLevel"},
         "model": {"type": "BPE", "vocab": {"a": 0, "Ġ": 1, "Ġa": 2, "b": 3}, "merges": ["Ġ a"], "unk_token": "b"}}
        """,
        """
        {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "BertPreTokenizer"},
         "decoder": {"type": "Metaspace", "replacement": "_"},
         "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}, "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 10}}
        """,
    ];

    private int _loaded;

    [Fact]
    public void The_files_that_are_damaged_here_are_sound()
    {
        foreach (string file in _files)
            Use(TokenizerFiles.Create(Encoding.UTF8.GetBytes(file), TokenizerConfig.Empty));
    }

    [Fact]
    public void Five_thousand_altered_tokenizers_work_or_are_refused()
    {
        Gen.Select(Gens.OneOf(_files), JsonMutation.Any).Sample(
            (file, mutations) => Check(Encoding.UTF8.GetBytes(JsonMutation.Apply(file, mutations))), iter: 5000, threads: 1);
        Assert.InRange(_loaded, 50, 4500);
    }

    [Fact]
    public void A_thousand_tokenizers_with_damaged_bytes_work_or_are_refused() =>
        Gen.Select(Gens.OneOf(_files), Mutation.Any).Sample(
            (file, mutations) => Check(Mutation.Apply(Encoding.UTF8.GetBytes(file), mutations)), iter: 1000, threads: 1);

    [Fact]
    public void A_thousand_altered_configurations_are_read_or_refused()
    {
        byte[] tokenizer = Encoding.UTF8.GetBytes(_files[0]);
        const string Config =
            """{"bos_token": "<end>", "eos_token": {"content": "<end>"}, "chat_template": [{"name": "default", "template": "T"}]}""";
        JsonMutation.Any.Sample(mutations => Bounds.LoadedOrRefused(
            () => TokenizerFiles.Load(new Dictionary<string, byte[]>
            {
                ["tokenizer.json"] = tokenizer,
                ["tokenizer_config.json"] = Encoding.UTF8.GetBytes(JsonMutation.Apply(Config, mutations)),
            }),
            MaxBytes), iter: 1000, threads: 1);
    }

    [DataFileFact("stories260K/tok512.bin")]
    public void Five_hundred_damaged_files_of_llama2_c_work_or_are_refused()
    {
        byte[] file = File.ReadAllBytes(DataFile.Find("stories260K/tok512.bin")!);
        Mutation.Any.Sample(
            mutations => Use(Bounds.LoadedOrRefused(() => Llama2CTokenizerFile.Create("t", Mutation.Apply(file, mutations)), MaxBytes)),
            iter: 500, threads: 1);
    }

    [DataFileFact("llama-tokenizer/tokenizer.model")]
    public void Five_hundred_damaged_SentencePiece_models_work_or_are_refused()
    {
        // The beginning: the bytes and a few hundred pieces; and the settings at the end.
        byte[] file = File.ReadAllBytes(DataFile.Find("llama-tokenizer/tokenizer.model")!);
        byte[] small = [.. file[..EndOfPieces(file, 600)], .. file[EndOfPieces(file, 32000)..]];
        Assert.Equal(600, SentencePieceModel.Read("m", small).Pieces.Count);
        Mutation.Any.Sample(mutations => Use(Bounds.LoadedOrRefused(
            () => SentencePieceFile.Create("m", Mutation.Apply(small, mutations), new SentencePieceFile.Settings(), TokenizerConfig.Empty),
            MaxBytes)),
            iter: 500, threads: 1);
    }

    [Fact]
    public void A_text_that_doubles_with_each_step_is_stopped()
    {
        string steps = string.Join(',', Enumerable.Repeat("""{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}""", 60));
        GenerativeTokenizer tokenizer = TokenizerFiles.Create(Encoding.UTF8.GetBytes($$$"""
            {"version": "1.0", "normalizer": {"type": "Sequence", "normalizers": [{{{steps}}}]},
             "decoder": {"type": "Sequence", "decoders": [{{{steps}}}]},
             "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
            """), TokenizerConfig.Empty);

        Assert.Contains(
            "characters of 1", Assert.Throws<InvalidOperationException>(() => tokenizer.EncodeToIds("a")).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "characters of 1", Assert.Throws<InvalidOperationException>(() => tokenizer.Decode([0])).Message, StringComparison.Ordinal);
    }

    private static string Text(GenerativeTokenizer tokenizer) => Encoding.UTF8.GetString(tokenizer.Json.Span);

    private void Check(byte[] json)
    {
        GenerativeTokenizer? tokenizer = Bounds.LoadedOrRefused(() => TokenizerFiles.Create(json, TokenizerConfig.Empty), MaxBytes);
        if (tokenizer is not null)
            _loaded++;
        Use(tokenizer);
    }

    private static void Use(GenerativeTokenizer? tokenizer)
    {
        if (tokenizer is null)
            return;
        foreach (string text in new[] { "", "ab 12's<s> xy", "🤗 é\n▁##b" })
        {
            try
            {
                IReadOnlyList<int> ids = tokenizer.EncodeToIds(text);
                Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
                IncrementalDecoderTests.Check(tokenizer, ids);
                Assert.Equal(ids, tokenizer.EncodeToTokens(text, out _).Select(token => token.Id));
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // The vocabulary lacks a character, or a step asks for too much.
            }
        }
    }

    private static int EndOfPieces(byte[] file, int count)
    {
        int place = 0;
        for (int i = 0; i < count; i++)
            place += 2 + file[place + 1];
        return place;
    }
}
